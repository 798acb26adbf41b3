# Sync3D as published (Sannigrahi, 2020): easy negatives first, medium ones from epoch 100 on, hard ones from 300 on,
# where the rate falls for the first time. When the kinds begin is not printed, it is ours. load_from=FILE begins with
# I3D's weights, as the report does.
_base_ = [
    "../_base_/datasets/tvhid_pairs.py",
    "../_base_/models/sync3d_video.py",
    "../_base_/models/i3d.py",
    "../_base_/schedules/sgd_sync3d.py",
    "../_base_/pair_probes.py",
    "../_base_/default_runtime.py",
]
model = dict(encoder=dict(backbone={{_base_.i3d}}))
custom_hooks = [
    dict(
        type="CurriculumHook",
        stages=[
            (0, dict(positive=1, easy=3)),
            (100, dict(positive=2, easy=3, medium=3)),
            (300, dict(positive=1, easy=1, medium=1, hard=1)),
        ],
    )
]
default_hooks = dict(checkpoint=dict(interval=50, save_best="pairs/auc"))
