from .action import ActionHead, joint_features
from .linear import LinearHead

__all__ = ["ActionHead", "LinearHead", "joint_features"]
