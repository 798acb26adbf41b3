"""From a batch to the views that a method compares, on the training device."""

# ruff: noqa: F403
from typing import TYPE_CHECKING

from mmsync.lazy import attach
from mmsync.views.audio import AudioPreprocessor
from mmsync.views.augmentation import AugmentationSequence, BatchAugmentation, OneOf
from mmsync.views.composed import ComposedPreprocessor
from mmsync.views.preprocessor import ViewPreprocessor
from mmsync.views.sequence import SequencePreprocessor
from mmsync.views.skeleton import SkeletonPreprocessor
from mmsync.views.video import VideoPreprocessor

if TYPE_CHECKING:
    from mmsync.views.sequence import *
    from mmsync.views.skeleton import *
    from mmsync.views.video import *

__getattr__, __dir__ = attach(__name__, ("sequence", "skeleton", "video"))

__all__ = [
    "AudioPreprocessor",
    "AugmentationSequence",
    "BatchAugmentation",
    "ComposedPreprocessor",
    "OneOf",
    "SequencePreprocessor",
    "SkeletonPreprocessor",
    "VideoPreprocessor",
    "ViewPreprocessor",
]
