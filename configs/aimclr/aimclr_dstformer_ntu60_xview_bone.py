_base_ = "./aimclr_dstformer_ntu60_xview.py"

model = dict(data_preprocessor=dict(stream="bone"))
