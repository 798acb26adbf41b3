# SkeletonCLR (Li et al., 2021; Guo et al., 2022) on any backbone, for clips of 50 frames. Against the release: the key
# encoder starts as a copy, the projector has PyTorch's initialization, and absent persons neither count nor cost.
# skeletonclr_ref.py has the release to the letter.
stream = "joint"
backbone = "stgcn"
# The slim ST-GCN of CrosSCLR and AimCLR; a plain transformer over joint x time patches, of the size that the MBAimCLR
# report gave it; DSTformer of MotionBERT at its lite width and the depth of the report, every frame and joint a
# token.
_backbones = dict(
    stgcn=dict(type="STGCN", width=16, out_channels=256, dropout=0.5, init="normal"),
    vit=dict(type="SkeletonViT", embed_dim=256, depth=4, num_heads=8, mlp_ratio=4.0, t_patch=5, clip_len=50),
    dstformer=dict(type="DSTformer", embed_dim=256, rep_dim=512, depth=4, num_heads=8, mlp_ratio=2.0, max_len=50))
normal = [dict(type="AimCLRNormal")]

model = dict(
    type="SkeletonCLR",
    queue_size=32768, momentum=0.999, temperature=0.07,
    encoder=dict(
        type="Encoder",
        backbone=_backbones[backbone],
        pool=dict(type="SkeletonPool", persons="valid_mean"),
        projector=dict(type="MLPProjector", out_channels=128)),
    data_preprocessor=dict(type="SkeletonPreprocessor", stream=stream, views=dict(query=normal, key=normal)))
