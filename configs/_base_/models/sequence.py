# Frames of joints, an MLP of three layers, and two views of each sequence: a window that both share, of which each drops
# up to half of the frames; joints are turned, mirrored and moved. Sequences of frame features have no `layout` and
# `normalize`, and no augmentation of joints.
layout = "penn13"
normalize = "torso2d"  # 'casa' in 3D
in_channels = 26  # V * C
width = 128
layers = 3
trim = [dict(type="TrimFrames", ratio=0.5, min_frames=16)]
drop = [dict(type="DropFrames", max_drop=0.5)]
move = [dict(type="SequenceAngleNoise"), dict(type="SequenceFlip", swap_lr=True), dict(type="JointNoise", std=0.05)]
common = trim
views = dict(first=[*drop, *move], second=[*drop, *move])
min_match = 4
encoder = dict(
    type="Encoder", backbone=dict(type="FrameMLP", in_channels=in_channels, widths=[width] * layers),
    pool=dict(type="FramePool"))
preprocessor = dict(
    type="SequencePreprocessor", layout=layout, normalize=normalize, common=common, views=views, min_match=min_match)
model = dict(encoder=encoder, data_preprocessor=preprocessor)
