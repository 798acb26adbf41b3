from .sample import MotionSample
from .view import View

__all__ = ["MotionSample", "View"]
