# The linear probe on NW-UCLA (cross-view) of an encoder that was pretrained elsewhere.
_base_ = "../linear/linear.py"
protocol = dict(title="transfer: linear probe on NW-UCLA", dataset="../../_base_/datasets/ucla_xview.py")
