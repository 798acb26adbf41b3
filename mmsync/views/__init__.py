"""From a batch to the views that a method compares, on the training device."""

from mmsync.views.audio import AudioPreprocessor
from mmsync.views.augmentation import AugmentationSequence, BatchAugmentation
from mmsync.views.composed import ComposedPreprocessor
from mmsync.views.preprocessor import ViewPreprocessor
from mmsync.views.sequence import SequencePreprocessor
from mmsync.views.skeleton import SkeletonPreprocessor
from mmsync.views.video import VideoPreprocessor

__all__ = [
    "AudioPreprocessor",
    "AugmentationSequence",
    "BatchAugmentation",
    "ComposedPreprocessor",
    "SequencePreprocessor",
    "SkeletonPreprocessor",
    "VideoPreprocessor",
    "ViewPreprocessor",
]
