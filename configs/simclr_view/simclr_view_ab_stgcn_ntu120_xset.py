# The angles about x and y, and the distance.
_base_ = "./simclr_view_all_stgcn_ntu120_xset.py"

view = [{{_base_.views.ab}}]
model = dict(data_preprocessor=dict(views=dict(first=view, second=view)))
