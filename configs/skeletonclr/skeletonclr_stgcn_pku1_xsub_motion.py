_base_ = "./skeletonclr_stgcn_pku1_xsub.py"

model = dict(data_preprocessor=dict(stream="motion"))
