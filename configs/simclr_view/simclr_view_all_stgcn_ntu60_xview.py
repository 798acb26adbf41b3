# View and distance on NTU RGB+D 60, cross-view, as the study proposes: SimCLR, all three angles and the distance.
_base_ = [
    "../_base_/datasets/ntu60_xview.py",
    "../_base_/datasets/ntu_view.py",
    "../_base_/models/simclr_view.py",
    "../_base_/schedules/lars_300e.py",
    "../_base_/probes.py",
    "../_base_/default_runtime.py",
]

train_dataloader = dict(batch_size=512, dataset=dict(pipeline={{_base_.view_pipeline}}))
val_dataloader = dict(dataset=dict(pipeline={{_base_.view_pipeline}}))
test_dataloader = val_dataloader
