# The study's yardstick: SkeletonCLR's crop and shear in place of the views, all else equal.
_base_ = "./simclr_view_all_stgcn_ucla_xview.py"

view = [dict(type="AimCLRNormal")]
model = dict(data_preprocessor=dict(views=dict(first=view, second=view)))
