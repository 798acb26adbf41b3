from mmsync.models.necks.pool import FramePool, MaxPool, MeanPool, SkeletonPool, VideoPool
from mmsync.models.necks.projector import MLPProjector

__all__ = ["FramePool", "MLPProjector", "MaxPool", "MeanPool", "SkeletonPool", "VideoPool"]
