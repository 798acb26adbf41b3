# SkeletonCLR with DSTformer on the built-in world.
_base_ = ["./skeletonclr_stgcn_synthetic.py", "../_base_/models/dstformer_tiny.py"]

model = dict(
    encoder=dict(
        _delete_=True,
        type="Encoder",
        backbone={{_base_.dstformer_tiny}},
        pool=dict(type="SkeletonPool", persons="valid_mean", joints="keep"),
        probe_pool=dict(type="SkeletonPool", persons="valid_mean", joints="parts"),
        projector=dict(type="MLPProjector", hidden_channels=256, out_channels=128),
    ),
)
