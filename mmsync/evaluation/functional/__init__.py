from .features import effective_rank, feature_std, knn_classify, mean_and_std, mean_average_precision, topk_accuracy
from .scores import (
    CLASS_REPORT,
    WEIGHTS,
    Scores,
    class_recall,
    class_report,
    confusion_matrix,
    fuse_streams,
    judge_scores,
    load_scores,
    published_weights,
    save_confusion,
    scores_of_videos,
    top_accuracy,
    video_scores,
)  # fmt: skip
from .verification import auc_interval, best_threshold, decisions, equal_error_rate, majority_share, pair_auc

__all__ = [
    "CLASS_REPORT", "WEIGHTS", "Scores", "auc_interval", "best_threshold", "class_recall", "class_report",
    "confusion_matrix", "decisions", "effective_rank", "equal_error_rate", "feature_std", "fuse_streams",
    "judge_scores", "knn_classify", "load_scores", "majority_share", "mean_and_std", "mean_average_precision",
    "pair_auc", "published_weights", "save_confusion", "scores_of_videos", "top_accuracy", "topk_accuracy",
    "video_scores",
]  # fmt: skip
