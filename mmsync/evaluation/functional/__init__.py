from .collapse import effective_rank, feature_std
from .confusion import class_recall, confusion_matrix, save_confusion
from .fusion import fuse_scores
from .knn import knn_classify, topk_accuracy
from .linear import LinearProbe, train_linear_probe
from .mlp import MLPProbe, mlp_logits, train_mlp_probe
from .scores import Scores, load_scores, top_accuracy

__all__ = [
    "LinearProbe",
    "MLPProbe",
    "Scores",
    "class_recall",
    "confusion_matrix",
    "effective_rank",
    "feature_std",
    "fuse_scores",
    "knn_classify",
    "load_scores",
    "mlp_logits",
    "save_confusion",
    "top_accuracy",
    "topk_accuracy",
    "train_linear_probe",
    "train_mlp_probe",
]
