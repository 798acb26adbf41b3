"""Runs a function on two gloo processes of this machine."""

from mmsync.testing import on_ranks

__all__ = ["on_ranks"]
