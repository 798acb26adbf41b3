from mmsync.structures.feature_map import FeatureMap
from mmsync.structures.feature_table import FeatureTable
from mmsync.structures.layout import PICTURE_LAYOUTS, SkeletonLayout, register_layout, remap_index, remap_matrix
from mmsync.structures.track import Track, tick_times
from mmsync.structures.view import MotionSample, View

__all__ = [
    "PICTURE_LAYOUTS",
    "FeatureMap",
    "FeatureTable",
    "MotionSample",
    "SkeletonLayout",
    "Track",
    "View",
    "register_layout",
    "remap_index",
    "remap_matrix",
    "tick_times",
]
