# SkeletonCLR on NW-UCLA: the shipped AimCLR recipe without the extreme view and with half its epochs.
_base_ = "../aimclr/aimclr_stgcn_ucla_xview.py"

train_cfg = dict(max_epochs=100)

model = dict(
    _delete_=True,
    type="SkeletonCLR",
    queue_size={{_base_.model.queue_size}},
    momentum={{_base_.model.momentum}},
    temperature={{_base_.model.temperature}},
    encoder={{_base_.model.encoder}},
    data_preprocessor=dict(
        type="SkeletonPreprocessor",
        layout="kinect20",
        stream="joint+bone+motion",
        recenter=True,
        window=32,
        views=dict(query={{_base_.normal}}, key={{_base_.normal}}),
    ),
)
