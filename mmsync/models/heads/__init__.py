from mmsync.models.heads.action import ActionHead
from mmsync.models.heads.linear import LinearHead

__all__ = ["ActionHead", "LinearHead"]
