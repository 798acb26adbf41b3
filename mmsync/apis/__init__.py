from mmsync.apis.features import extract_features, feature_column, init_model
from mmsync.apis.label_free import extract_changed
from mmsync.apis.models import get_model, list_models

__all__ = ["extract_changed", "extract_features", "feature_column", "get_model", "init_model", "list_models"]
