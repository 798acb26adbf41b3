from mmsync.models.heads.classifiers import ActionHead, LinearHead

__all__ = ["ActionHead", "LinearHead"]
