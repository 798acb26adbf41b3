# The angles about x and z, and the distance.
_base_ = "./simclr_view_all_stgcn_ntu120_xsub.py"

view = [{{_base_.views.ag}}]
model = dict(data_preprocessor=dict(views=dict(first=view, second=view)))
