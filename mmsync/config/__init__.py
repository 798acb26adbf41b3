"""Reads a config and checks it before anything is built."""

from mmsync.config.check import check
from mmsync.config.load import load, run_name

__all__ = ["check", "load", "run_name"]
