from .layout import PICTURE_LAYOUTS, SkeletonLayout, register_layout, remap_index
from .sample import MotionSample
from .track import Track, tick_times
from .view import View

__all__ = [
    "PICTURE_LAYOUTS",
    "MotionSample",
    "SkeletonLayout",
    "Track",
    "View",
    "register_layout",
    "remap_index",
    "tick_times",
]
