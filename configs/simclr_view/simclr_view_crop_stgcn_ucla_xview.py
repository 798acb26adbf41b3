# The study's floor: the temporal crop alone, neither direction nor distance.
_base_ = "./simclr_view_all_stgcn_ucla_xview.py"

view = [{{_base_.crop}}]
model = dict(data_preprocessor=dict(views=dict(first=view, second=view)))
