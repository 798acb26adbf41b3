# SimCLR with a transformer on the built-in world.
_base_ = ["./simclr_stgcn_synthetic.py", "../_base_/models/vit_tiny.py"]

model = dict(
    encoder=dict(
        _delete_=True,
        type="Encoder",
        backbone={{_base_.vit_tiny}},
        pool=dict(type="SkeletonPool", persons="valid_mean", joints="keep"),
        probe_pool=dict(type="SkeletonPool", persons="valid_mean", joints="parts"),
        projector=dict(type="MLPProjector", hidden_channels=256, out_channels=128),
    ),
)
