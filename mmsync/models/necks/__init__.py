from .pool import FramePool, MeanPool, SkeletonPool
from .projector import MLPProjector
from .video_pool import VideoPool

__all__ = ["FramePool", "MLPProjector", "MeanPool", "SkeletonPool", "VideoPool"]
