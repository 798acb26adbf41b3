from .collate import motion_collate
from .pair_table import PairTable
from .pairs import PairDataset
from .skeleton_dataset import SkeletonDataset

__all__ = ["PairDataset", "PairTable", "SkeletonDataset", "motion_collate"]
