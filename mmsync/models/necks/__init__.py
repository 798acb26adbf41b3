from .pool import SkeletonPool
from .projector import MLPProjector
from .video_pool import VideoPool

__all__ = ["MLPProjector", "SkeletonPool", "VideoPool"]
