"""Memory-mapped folders of ragged arrays (skeletons, tracks, packed clips, crops, features), and the cache folder."""

from mmsync.store.cache import cache_root, cached
from mmsync.store.ragged import MappedArray, Ragged, RaggedWriter
from mmsync.store.skeletons import StoreWriter

__all__ = ["MappedArray", "Ragged", "RaggedWriter", "StoreWriter", "cache_root", "cached"]
