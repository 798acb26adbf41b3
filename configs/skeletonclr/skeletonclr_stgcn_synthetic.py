# SkeletonCLR on the built-in world: the AimCLR recipe without the extreme view.
_base_ = "../aimclr/aimclr_stgcn_synthetic.py"

model = dict(
    _delete_=True,
    type="SkeletonCLR",
    queue_size={{_base_.model.queue_size}},
    momentum={{_base_.model.momentum}},
    temperature={{_base_.model.temperature}},
    encoder={{_base_.model.encoder}},
    data_preprocessor=dict(
        type="SkeletonPreprocessor",
        layout="ntu25",
        stream="joint+motion",
        window=32,
        views=dict(query={{_base_.normal}}, key={{_base_.normal}}),
    ),
)
