from mmsync.models.necks.pool import FramePool, MeanPool, SkeletonPool
from mmsync.models.necks.projector import MLPProjector
from mmsync.models.necks.video_pool import VideoPool

__all__ = ["FramePool", "MLPProjector", "MeanPool", "SkeletonPool", "VideoPool"]
