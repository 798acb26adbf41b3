# The distance alone.
_base_ = "./simclr_view_all_stgcn_ntu60_xsub.py"

view = [{{_base_.views.dist}}]
model = dict(data_preprocessor=dict(views=dict(first=view, second=view)))
