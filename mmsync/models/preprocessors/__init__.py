from .skeleton import SkeletonPreprocessor

__all__ = ["SkeletonPreprocessor"]
