# View and distance on the built-in world, in small: as simclr_view_all_stgcn_ucla_xview.py.
_base_ = [
    "../simclr/simclr_stgcn_synthetic.py",
    "../_base_/datasets/synthetic_view.py",
    "../_base_/view_distance.py",
]
crop = dict(type="RandomCropResize", scale=(0.5, 1.0), size=32)
view = [crop, {{_base_.views.all}}]
model = dict(data_preprocessor=dict(views=dict(first=view, second=view)))
train_dataloader = dict(dataset=dict(pipeline={{_base_.view_pipeline}}))
val_dataloader = dict(dataset=dict(pipeline={{_base_.view_pipeline}}))
test_dataloader = val_dataloader
