# The same pairs seen as optical flow. tools/analysis_tools/ensemble.py adds its scores to those of colour.
_base_ = "./sync3d_i3d_tvhid.py"

train_dataloader = dict(dataset=dict(source=dict(flow="dis")))
val_dataloader = dict(dataset=dict(source=dict(flow="dis")))
test_dataloader = dict(dataset=dict(source=dict(flow="dis")))
model = dict(
    encoder=dict(backbone=dict(in_channels=2)),
    data_preprocessor=dict(
        views=dict(tracks=[dict(type="VideoCropResize", scale=(0.875, 1.0)), dict(type="VideoFlip")])
    ),
)
