from .alignment import frame_retrieval, kendall_tau
from .features import (
    Scaling,
    effective_rank,
    feature_std,
    knn_classify,
    mean_and_std,
    mean_average_precision,
    topk_accuracy,
)
from .invariance import Displacement, displacement
from .phases import (
    activity_separability,
    phase_classification,
    phase_progress,
    position_code,
    position_r2,
    progress_targets,
)
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
from .warping import Alignment, align, align_pair, dtw_path

__all__ = [
    "CLASS_REPORT", "WEIGHTS", "Alignment", "Displacement", "Scaling", "Scores", "activity_separability", "align",
    "align_pair", "auc_interval", "best_threshold", "class_recall", "class_report", "confusion_matrix", "decisions",
    "displacement", "dtw_path", "effective_rank", "equal_error_rate", "feature_std", "frame_retrieval",
    "fuse_streams", "judge_scores", "kendall_tau", "knn_classify", "load_scores", "majority_share", "mean_and_std",
    "mean_average_precision", "pair_auc", "phase_classification", "phase_progress", "position_code", "position_r2",
    "progress_targets", "published_weights", "save_confusion", "scores_of_videos", "top_accuracy", "topk_accuracy",
    "video_scores",
]  # fmt: skip
