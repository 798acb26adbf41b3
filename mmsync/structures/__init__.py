from .layout import SkeletonLayout, register_layout, remap_index
from .sample import MotionSample
from .view import View

__all__ = ["MotionSample", "SkeletonLayout", "View", "register_layout", "remap_index"]
