from . import functional, metrics, probes

__all__ = ["functional", "metrics", "probes"]
