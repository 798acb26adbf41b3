# SkeletonCLR as published (Li et al., 2021; Guo et al., 2022), on any backbone: a file beside this one adds it.
model = dict(
    type="SkeletonCLR",
    queue_size=32768,
    momentum=0.999,
    temperature=0.07,
    encoder=dict(
        type="Encoder",
        pool=dict(type="SkeletonPool", persons="valid_mean"),
        projector=dict(type="MLPProjector", out_channels=128),
    ),
    data_preprocessor=dict(
        type="SkeletonPreprocessor",
        layout="ntu25",
        stream="joint",
        views=dict(query=[dict(type="AimCLRNormal")], key=[dict(type="AimCLRNormal")]),
    ),
)
