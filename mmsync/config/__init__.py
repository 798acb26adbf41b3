"""Reads a config and checks it before anything is built.

``load(path, cfg_options)`` reads the file and its bases; ``check(cfg)`` reports everything that is wrong, at once.
"""

from mmsync.config.check import check
from mmsync.config.load import load

__all__ = ["check", "load"]
