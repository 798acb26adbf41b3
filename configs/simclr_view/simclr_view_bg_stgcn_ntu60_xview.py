# The angles about y and z, and the distance.
_base_ = "./simclr_view_all_stgcn_ntu60_xview.py"

view = [{{_base_.views.bg}}]
model = dict(data_preprocessor=dict(views=dict(first=view, second=view)))
