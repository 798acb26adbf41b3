from .base import SkeletonSource
from .store import StoreSource, StoreWriter, cache_root
from .ucla import NWUCLASource

__all__ = ["NWUCLASource", "SkeletonSource", "StoreSource", "StoreWriter", "cache_root"]
