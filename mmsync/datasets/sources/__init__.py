from .arrays import AimCLRSource, CTRGCNSource
from .base import SkeletonSource
from .clips import ClipFolderSource, ClipListSource, ClipSource, HMDB51Source, KineticsSource, UCF101Source
from .penn import PennActionSource
from .pyskl import PysklSource
from .safe_pickle import load_pickle
from .sbu import SBUSource
from .skeleton_tracks import SkeletonTrackSource
from .store import StoreSource, StoreWriter, cache_root
from .tracks import TrackSource
from .tvhid import TVHIDSource
from .ucla import NWUCLASource
from .video_tracks import VideoTrackSource

__all__ = [
    "AimCLRSource",
    "CTRGCNSource",
    "ClipFolderSource",
    "ClipListSource",
    "ClipSource",
    "HMDB51Source",
    "KineticsSource",
    "NWUCLASource",
    "PennActionSource",
    "PysklSource",
    "SBUSource",
    "SkeletonSource",
    "SkeletonTrackSource",
    "StoreSource",
    "StoreWriter",
    "TVHIDSource",
    "TrackSource",
    "UCF101Source",
    "VideoTrackSource",
    "cache_root",
    "load_pickle",
]
