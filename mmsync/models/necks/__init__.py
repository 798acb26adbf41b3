from mmsync.models.necks.alignment import AlignProjector, ClipClusterPredictor, MultiHeadNeck
from mmsync.models.necks.pool import FramePool, MaxPool, MeanPool, SkeletonPool, VideoPool
from mmsync.models.necks.projector import MLPProjector
from mmsync.models.necks.segments import AttentionPool, SegmentPartPool
from mmsync.models.necks.whitening import Whitening

__all__ = ["FramePool", "MLPProjector", "MaxPool", "MeanPool", "SegmentPartPool", "SkeletonPool", "VideoPool"]
__all__ += ["AlignProjector", "AttentionPool", "ClipClusterPredictor", "MultiHeadNeck", "Whitening"]
