# Two ST-GCN blocks make 5 x 15 tokens of ten frames, two transformer blocks mix them (docs/design/0016).
_base_ = "./sync3d_sbu.py"

model = dict(
    encoder=dict(
        backbone=dict(
            type="SkeletonViT",
            layout="sbu15",
            in_channels=6,
            embed_dim=96,
            depth=2,
            num_heads=4,
            mlp_ratio=2.0,
            t_patch=1,
            clip_len=5,
            data_norm=True,
            stem=dict(channels=[32, 64], strides=[1, 2], temporal_kernel=5),
        )
    )
)
