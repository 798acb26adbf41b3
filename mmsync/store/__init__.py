"""Memory-mapped folders of clips and tracks, and the cache folder."""

from mmsync.store.files import cache_root, cached
from mmsync.store.skeletons import StoreWriter

__all__ = ["StoreWriter", "cache_root", "cached"]
