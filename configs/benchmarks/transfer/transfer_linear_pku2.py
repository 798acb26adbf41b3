# The linear probe on PKU-MMD II (cross-subject) of an encoder that was pretrained elsewhere.
_base_ = "../linear/linear.py"
protocol = dict(title="transfer: linear probe on PKU-MMD II", dataset="../../_base_/datasets/pku2_xsub.py")
