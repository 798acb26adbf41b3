from mmsync.structures.feature_map import FeatureMap
from mmsync.structures.feature_table import FeatureTable
from mmsync.structures.frames import Frames, gather_frames, require_partners, same_activity_pairs
from mmsync.structures.layout import (
    PICTURE_LAYOUTS,
    SkeletonLayout,
    body_matrix,
    register_layout,
    remap_index,
    remap_matrix,
)
from mmsync.structures.track import Track, tick_times
from mmsync.structures.view import FRAME_AXIS, MotionSample, View

__all__ = [
    "FRAME_AXIS",
    "PICTURE_LAYOUTS",
    "FeatureMap",
    "FeatureTable",
    "Frames",
    "MotionSample",
    "SkeletonLayout",
    "Track",
    "View",
    "body_matrix",
    "gather_frames",
    "register_layout",
    "remap_index",
    "remap_matrix",
    "require_partners",
    "same_activity_pairs",
    "tick_times",
]
