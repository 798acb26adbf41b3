from .base import SkeletonBackbone
from .stgcn import STGCN

__all__ = ["STGCN", "SkeletonBackbone"]
