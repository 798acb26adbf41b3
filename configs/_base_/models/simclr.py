# SimCLR (Chen et al., 2020) on any backbone: a file beside this one adds it. Temperature and projector (256-256-128 on
# the slim ST-GCN) are ours; the study of views and distances names none.
model = dict(
    type="SimCLR",
    loss=dict(type="NTXentLoss", temperature=0.1),
    encoder=dict(
        type="Encoder",
        pool=dict(type="SkeletonPool", persons="valid_mean"),
        projector=dict(type="MLPProjector", out_channels=128),
    ),
    data_preprocessor=dict(type="SkeletonPreprocessor", layout="ntu25", stream="joint"),
)
