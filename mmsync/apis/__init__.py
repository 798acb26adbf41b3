from mmsync.apis.features import extract_features, feature_column, init_model

__all__ = ["extract_features", "feature_column", "init_model"]
