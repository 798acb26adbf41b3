from .base import ViewPreprocessor
from .skeleton import SkeletonPreprocessor
from .video import VideoPreprocessor

__all__ = ["SkeletonPreprocessor", "VideoPreprocessor", "ViewPreprocessor"]
