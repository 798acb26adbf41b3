# SimCLR on NW-UCLA: encoder, views and schedule of the shipped AimCLR recipe, half its epochs, and twice its batch,
# from which the negatives come. The temperature is NTXentLoss's, 0.1.
_base_ = "../aimclr/aimclr_stgcn_ucla_xview.py"

train_dataloader = dict(batch_size=128)
train_cfg = dict(max_epochs=100)
sync_bn = "torch"

model = dict(
    _delete_=True,
    type="SimCLR",
    encoder={{_base_.model.encoder}},
    data_preprocessor=dict(
        type="SkeletonPreprocessor",
        layout="kinect20",
        stream="joint+bone+motion",
        recenter=True,
        window=32,
        views=dict(first={{_base_.normal}}, second={{_base_.normal}}),
    ),
)
