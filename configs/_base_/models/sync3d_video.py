# Sync3D (Sannigrahi, 2020) on video, here with I3D (Carreira and Zisserman, 2017), whose published weights
# tools/model_converters/i3d_to_mmsync.py makes a file for load_from. Projector as published: batch normalization,
# dropout 0.1; its widths, and that the embedding has unit length, with margin 1, are ours: none is printed. One crop,
# one flip and one noise for all frames of both tracks, because a flip of one of them alone would undo who stands on
# which side.
backbone = dict(type="I3D")
pool = dict(type="VideoPool", time="mean", window=2)  # I3D's own pooling, 2 x 7 x 7; window=1 behind other backbones
hidden_channels = 512
tracks = [
    dict(type="VideoCropResize", scale=(0.875, 1.0)), dict(type="VideoFlip"), dict(type="VideoNoise", std=0.05)]

projector = dict(type="MLPProjector", hidden_channels=hidden_channels, out_channels=128, norm=True, dropout=0.1)
model = dict(
    type="Sync3D",
    encoder=dict(type="Encoder", backbone=backbone, pool=pool, projector=projector),
    loss=dict(type="ContrastiveLoss", margin=1.0, normalize=True),
    data_preprocessor=dict(type="VideoPreprocessor", views=dict(tracks=tracks)))
