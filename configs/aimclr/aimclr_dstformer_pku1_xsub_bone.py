_base_ = "./aimclr_dstformer_pku1_xsub.py"

model = dict(data_preprocessor=dict(stream="bone"))
