from mmsync.models.necks.alignment import AlignProjector, ClipClusterPredictor, MultiHeadNeck
from mmsync.models.necks.pool import FramePool, MaxPool, MeanPool, SkeletonPool, VideoPool
from mmsync.models.necks.projector import MLPProjector

__all__ = ["FramePool", "MLPProjector", "MaxPool", "MeanPool", "SkeletonPool", "VideoPool"]
__all__ += ["AlignProjector", "ClipClusterPredictor", "MultiHeadNeck"]
