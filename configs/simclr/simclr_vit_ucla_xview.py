# SimCLR with a transformer on NW-UCLA.
_base_ = ["./simclr_stgcn_ucla_xview.py", "../_base_/models/vit_small.py"]

model = dict(
    encoder=dict(
        _delete_=True,
        type="Encoder",
        backbone={{_base_.vit_small}},
        pool=dict(type="SkeletonPool", persons="valid_mean", joints="keep"),
        probe_pool=dict(type="SkeletonPool", persons="valid_mean", joints="parts"),
        projector=dict(type="MLPProjector", hidden_channels=256, out_channels=128),
    ),
)
optim_wrapper = dict(optimizer=dict(lr=1e-3))
param_scheduler = dict(eta_max=1e-3)
