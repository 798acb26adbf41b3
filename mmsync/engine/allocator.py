"""How the process keeps memory on the CPU."""

from __future__ import annotations

import ctypes
import sys

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h


def keep_freed_memory() -> bool:
    """Lets the C library keep large freed blocks for the next step instead of handing them back to the kernel.

    A training step on the CPU frees and takes the same large tensors over and over; by default each of them is mapped
    anew, and the page faults cost up to half of the time of memory-bound operations. The process then holds on to its
    peak memory, as it does on a GPU.

    Returns:
        bool: Whether it took effect; only on Linux with glibc.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:  # another C library, such as musl
        return False
    return bool(mallopt(_M_MMAP_THRESHOLD, 1 << 30)) and bool(mallopt(_M_TRIM_THRESHOLD, (1 << 31) - 1))
