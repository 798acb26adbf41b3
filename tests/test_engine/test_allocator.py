"""Freed memory is kept if the C library supports it, and a second call changes nothing."""

from __future__ import annotations

import ctypes
import sys

import pytest

from mmsync.engine import allocator
from mmsync.engine.allocator import keep_freed_memory


def test_it_can_be_asked_for_twice():
    glibc = sys.platform.startswith("linux") and hasattr(ctypes.CDLL(None), "mallopt")
    assert keep_freed_memory() is glibc
    assert keep_freed_memory() is glibc


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_other_systems_are_left_alone(monkeypatch, platform):
    monkeypatch.setattr(allocator.sys, "platform", platform)
    monkeypatch.setattr(allocator.ctypes, "CDLL", lambda name: pytest.fail("touched the C library"))
    assert keep_freed_memory() is False
