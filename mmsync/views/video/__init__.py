"""Views of video: the data preprocessor, and batched augmentations by what they change."""

from mmsync.views.video.augmentation import VideoAugmentation, VideoSequence
from mmsync.views.video.color_jitter import ColorJitter, Grayscale
from mmsync.views.video.crop_flip import VideoCropResize, VideoFlip
from mmsync.views.video.noise_blur import VideoBlur, VideoNoise
from mmsync.views.video.preprocessor import VideoPreprocessor
from mmsync.views.video.window import RandomWindow

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
