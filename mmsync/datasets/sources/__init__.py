from .arrays import AimCLRSource, CTRGCNSource
from .base import SkeletonSource
from .penn import PennActionSource
from .pyskl import PysklSource
from .safe_pickle import load_pickle
from .sbu import SBUSource
from .store import StoreSource, StoreWriter, cache_root
from .ucla import NWUCLASource

__all__ = [
    "AimCLRSource",
    "CTRGCNSource",
    "NWUCLASource",
    "PennActionSource",
    "PysklSource",
    "SBUSource",
    "SkeletonSource",
    "StoreSource",
    "StoreWriter",
    "cache_root",
    "load_pickle",
]
