"""Views of video: the data preprocessor, and batched augmentations by what they change."""

from mmsync.views.video.appearance import ColorJitter, Grayscale, VideoBlur, VideoNoise
from mmsync.views.video.augmentation import VideoAugmentation, VideoSequence
from mmsync.views.video.geometry import RandomWindow, VideoCropResize, VideoFlip
from mmsync.views.video.preprocessor import VideoPreprocessor

__all__ = [
    "ColorJitter",
    "Grayscale",
    "RandomWindow",
    "VideoAugmentation",
    "VideoBlur",
    "VideoCropResize",
    "VideoFlip",
    "VideoNoise",
    "VideoPreprocessor",
    "VideoSequence",
]
