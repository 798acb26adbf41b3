from .collate import motion_collate
from .pair_table import PairTable
from .pairs import PairDataset
from .skeleton_dataset import SkeletonDataset
from .video_dataset import VideoDataset

__all__ = ["PairDataset", "PairTable", "SkeletonDataset", "VideoDataset", "motion_collate"]
