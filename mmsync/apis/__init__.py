"""What a Python user imports; each module is imported when a name of it is first used, for the tools' ``--help``."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mmsync.apis.embedder import MotionEmbedder
    from mmsync.apis.export import export_model
    from mmsync.apis.features import extract_features, feature_column, init_model
    from mmsync.apis.inferencers import (
        AlignmentInferencer,
        FeatureExtractor,
        MotionClassificationInferencer,
        MotionRetrievalInferencer,
        SyncInferencer,
    )
    from mmsync.apis.label_free import extract_changed
    from mmsync.apis.models import get_model, list_components, list_models

__all__ = [
    "AlignmentInferencer", "FeatureExtractor", "MotionClassificationInferencer", "MotionEmbedder",
    "MotionRetrievalInferencer", "SyncInferencer", "export_model", "extract_changed", "extract_features",
    "feature_column", "get_model", "init_model", "list_components", "list_models",
]  # fmt: skip
_MODULES = {
    "embedder": ["MotionEmbedder"],
    "export": ["export_model"],
    "features": ["extract_features", "feature_column", "init_model"],
    "inferencers": [
        "AlignmentInferencer", "FeatureExtractor", "MotionClassificationInferencer", "MotionRetrievalInferencer",
        "SyncInferencer"],
    "label_free": ["extract_changed"],
    "models": ["get_model", "list_components", "list_models"],
}  # fmt: skip


def __getattr__(name: str) -> Any:
    for module, names in _MODULES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
