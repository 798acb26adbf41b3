from .action import ActionHead
from .linear import LinearHead

__all__ = ["ActionHead", "LinearHead"]
