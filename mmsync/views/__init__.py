"""From a batch to the views that a method compares, on the training device."""

from mmsync.views import skeleton_augment
from mmsync.views.base import ViewPreprocessor
from mmsync.views.skeleton import SkeletonPreprocessor
from mmsync.views.video import VideoPreprocessor
from mmsync.views.view_distance import ViewDistance

__all__ = ["SkeletonPreprocessor", "VideoPreprocessor", "ViewDistance", "ViewPreprocessor", "skeleton_augment"]
