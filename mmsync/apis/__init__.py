import importlib
from typing import Any

from mmsync.apis.features import extract_features, feature_column, init_model
from mmsync.apis.label_free import extract_changed
from mmsync.apis.models import get_model, list_components, list_models

# imported when they are used: scikit-learn takes a second, and pictures and sound need more
_LATER = {"MotionEmbedder": "embedder", "export_model": "export", **dict.fromkeys(
    ["AlignmentInferencer", "FeatureExtractor", "MotionClassificationInferencer", "MotionRetrievalInferencer",
     "SyncInferencer"], "inferencers")}  # fmt: skip

__all__ = [
    "extract_changed", "extract_features", "feature_column", "get_model", "init_model", "list_components",
    "list_models", *_LATER,
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return getattr(importlib.import_module(f"mmsync.apis.{_LATER[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
