"""What a Python user imports; each module is imported when a name of it is first used, for the tools' ``--help``."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mmsync.apis.embedder import MotionEmbedder
    from mmsync.apis.features import extract_features, feature_column, init_model
    from mmsync.apis.label_free import extract_changed
    from mmsync.apis.models import get_model, list_models

__all__ = [
    "MotionEmbedder", "extract_changed", "extract_features", "feature_column", "get_model", "init_model", "list_models",
]  # fmt: skip
_MODULES = {
    "embedder": ["MotionEmbedder"],
    "features": ["extract_features", "feature_column", "init_model"],
    "label_free": ["extract_changed"],
    "models": ["get_model", "list_models"],
}


def __getattr__(name: str) -> Any:
    for module, names in _MODULES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
