"""Trains a grid of configs, overrides and seeds, or a search, and collects a table (docs/design/0019-sweep.md)."""

from mmsync.sweep.exchange import exchange, read_part, shortened
from mmsync.sweep.jobs import Children, locked
from mmsync.sweep.pools import LocalPool, SlurmPool
from mmsync.sweep.run import Sweep, fused_rows, stream_key, table_cells
from mmsync.sweep.search import Search, parse_space
from mmsync.sweep.settings import grid, load_protocols, make_setting, parse_options

__all__ = ["Children", "LocalPool", "Search", "SlurmPool", "Sweep", "exchange", "fused_rows", "grid", "load_protocols"]
__all__ += ["locked", "make_setting", "parse_options", "parse_space", "read_part", "shortened", "stream_key"]
__all__ += ["table_cells"]
