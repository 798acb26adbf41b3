# Joints of frames, normalized in each frame, and an MLP of three layers; defaults are those of the built-in world. Both
# views drop up to half of the frames; joints are turned, mirrored, scaled and moved. Only pictures are trimmed in the
# paper: trim=0.5 cuts a window of half of the frames or more, which both views share. For frame features set layout and
# normalize to None, in_channels to their width, trim=0.5 and move=[].
layout = "ntu25"
normalize = "ntu25"
in_channels = 75  # V * C
width = 128
trim = 0
common = [dict(type="TrimFrames", ratio=trim, min_frames=16)] if trim else []
drop = [dict(type="DropFrames", max_drop=0.5)]
move = [
    dict(type="SequenceAngleNoise", prob=0.8), dict(type="SequenceFlip", swap_lr=True, prob=0.5),
    dict(type="SequenceRotate", max_degrees=20, scale=(0.8, 1.25)),
    dict(type="JointNoise", std=0.05, prob=0.5)]
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
