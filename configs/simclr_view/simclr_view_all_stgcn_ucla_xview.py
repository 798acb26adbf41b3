# View and distance on NW-UCLA, cross-view, in small: the encoder and schedule of the SimCLR recipe and a temporal crop
# before all three angles and the distance. Ours: a thousand clips need the crop, AdamW and a small batch; the study's
# own recipe is that of the NTU configs.
_base_ = [
    "../simclr/simclr_stgcn_ucla_xview.py",
    "../_base_/datasets/ucla_view.py",
    "../_base_/view_distance.py",
]
crop = dict(type="RandomCropResize", scale=(0.5, 1.0), size=32)
view = [crop, {{_base_.views.all}}]
model = dict(data_preprocessor=dict(recenter=False, views=dict(first=view, second=view)))
train_cfg = dict(max_epochs=60)
train_dataloader = dict(dataset=dict(pipeline={{_base_.view_pipeline}}))
val_dataloader = dict(dataset=dict(pipeline={{_base_.view_pipeline}}))
test_dataloader = val_dataloader
