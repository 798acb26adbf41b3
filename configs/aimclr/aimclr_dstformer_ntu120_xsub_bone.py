_base_ = "./aimclr_dstformer_ntu120_xsub.py"

model = dict(data_preprocessor=dict(stream="bone"))
