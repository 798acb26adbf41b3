from .collapse import effective_rank, feature_std
from .fusion import fuse_scores
from .knn import knn_classify, topk_accuracy
from .linear import LinearProbe, train_linear_probe

__all__ = [
    "LinearProbe",
    "effective_rank",
    "feature_std",
    "fuse_scores",
    "knn_classify",
    "topk_accuracy",
    "train_linear_probe",
]
