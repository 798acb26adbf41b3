# SimCLR on the built-in world: encoder, views and schedule of the AimCLR recipe.
_base_ = "../aimclr/aimclr_stgcn_synthetic.py"

sync_bn = "torch"

model = dict(
    _delete_=True,
    type="SimCLR",
    encoder={{_base_.model.encoder}},
    data_preprocessor=dict(
        type="SkeletonPreprocessor",
        layout="ntu25",
        stream="joint+motion",
        window=32,
        views=dict(first={{_base_.normal}}, second={{_base_.normal}}),
    ),
)
