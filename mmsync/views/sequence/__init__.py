"""Views of sequences: the data preprocessor, and batched augmentations by what they change."""

from mmsync.views.sequence.augmentation import Frames, JointAugmentation, SequenceAugmentation, TimeAugmentation
from mmsync.views.sequence.preprocessor import SequencePreprocessor
from mmsync.views.sequence.spatial import JointNoise, SequenceAngleNoise, SequenceFlip, SequenceRotate
from mmsync.views.sequence.temporal import DropFrames, FastOrSlow, SampleFrames, SlowFrames, TCNPairs, TrimFrames

__all__ = [
    "DropFrames",
    "FastOrSlow",
    "Frames",
    "JointAugmentation",
    "JointNoise",
    "SampleFrames",
    "SequenceAngleNoise",
    "SequenceAugmentation",
    "SequenceFlip",
    "SequencePreprocessor",
    "SequenceRotate",
    "SlowFrames",
    "TCNPairs",
    "TimeAugmentation",
    "TrimFrames",
]
