from typing import Any

from mmsync.apis.features import extract_features, feature_column, init_model
from mmsync.apis.label_free import extract_changed
from mmsync.apis.models import get_model, list_models

__all__ = [
    "MotionEmbedder", "extract_changed", "extract_features", "feature_column", "get_model", "init_model", "list_models",
]  # fmt: skip


def __getattr__(name: str) -> Any:  # scikit-learn takes a second to import
    if name == "MotionEmbedder":
        from mmsync.apis.embedder import MotionEmbedder

        return MotionEmbedder
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
