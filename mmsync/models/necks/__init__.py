from .pool import SkeletonPool
from .projector import MLPProjector

__all__ = ["MLPProjector", "SkeletonPool"]
