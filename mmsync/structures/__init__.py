from .layout import PICTURE_LAYOUTS, SkeletonLayout, register_layout, remap_index
from .sample import MotionSample
from .view import View

__all__ = ["PICTURE_LAYOUTS", "MotionSample", "SkeletonLayout", "View", "register_layout", "remap_index"]
