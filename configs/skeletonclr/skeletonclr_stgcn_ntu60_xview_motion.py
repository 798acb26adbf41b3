_base_ = "./skeletonclr_stgcn_ntu60_xview.py"

model = dict(data_preprocessor=dict(stream="motion"))
