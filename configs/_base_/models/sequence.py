# Joints of frames, normalized in each frame, and an MLP of three layers; defaults are those of the built-in world. Both
# views share a window of the sequence, of which each drops up to half of the frames; joints are turned, mirrored and
# moved. For frame features set layout and normalize to None, in_channels to their width, and move=[].
layout = "ntu25"
normalize = "ntu25"
in_channels = 75  # V * C
width = 128
common = [dict(type="TrimFrames", ratio=0.5, min_frames=16)]
drop = [dict(type="DropFrames", max_drop=0.5)]
move = [dict(type="SequenceAngleNoise"), dict(type="SequenceFlip", swap_lr=True), dict(type="JointNoise", std=0.05)]
first = [*drop, *move]
second = [*drop, *move]
views = dict(first=first, second=second)
min_match = 4
backbone = dict(type="FrameMLP", in_channels=in_channels, widths=[width, width, width])
projector = None
encoder = dict(type="Encoder", backbone=backbone, pool=dict(type="FramePool"), projector=projector)
model = dict(
    encoder=encoder,
    data_preprocessor=dict(
        type="SequencePreprocessor", layout=layout, normalize=normalize, common=common, views=views,
        min_match=min_match))
