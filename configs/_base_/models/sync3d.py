# Sync3D (Sannigrahi, 2020) on any backbone: a file beside this one adds it. Projector as published: batch normalisation,
# dropout 0.1; its widths, and that the embedding has unit length, with margin 1, are ours: none is printed.
model = dict(
    type="Sync3D",
    encoder=dict(
        type="Encoder",
        projector=dict(type="MLPProjector", hidden_channels=512, out_channels=128, norm=True, dropout=0.1),
    ),
    loss=dict(type="ContrastiveLoss", margin=1.0, normalize=True),
)
