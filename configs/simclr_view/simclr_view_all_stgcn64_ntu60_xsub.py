# Encoders: the ST-GCN of four times the width, which is that of Yan et al. (2018).
_base_ = "./simclr_view_all_stgcn_ntu60_xsub.py"

model = dict(encoder=dict(backbone=dict(width=64)))
