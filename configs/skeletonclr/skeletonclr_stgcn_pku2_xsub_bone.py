_base_ = "./skeletonclr_stgcn_pku2_xsub.py"

model = dict(data_preprocessor=dict(stream="bone"))
