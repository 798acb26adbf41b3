from .collate import motion_collate
from .skeleton_dataset import SkeletonDataset

__all__ = ["SkeletonDataset", "motion_collate"]
