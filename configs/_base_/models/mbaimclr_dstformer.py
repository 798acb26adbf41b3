# MBAimCLR as its report ran it (EPFL, 2023): DSTformer of MotionBERT's base width on raw coordinates of 25 joints, LayerNorm
# of torch's eps, one linear layer behind the pooling instead of an MLP, and all linear weights, those of the fusion
# included, drawn anew after the key encoder was copied. Mining never starts.
_base_ = "./aimclr_reference.py"

model = dict(
    mining_epoch=None,
    encoder=dict(
        backbone=dict(
            type="DSTformer",
            layout="ntu25",
            embed_dim=512,
            rep_dim=512,
            depth=4,
            num_heads=8,
            mlp_ratio=2.0,
            max_len=50,
            norm_eps=1e-5,
            init="normal",
        ),
        projector=dict(num_layers=1),
    ),
)
