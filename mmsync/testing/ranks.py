"""A function on several processes of this machine."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from typing import Any

import torch
import torch.distributed as dist
import torch.multiprocessing as mp


def _main(rank: int, size: int, folder: str, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=size)
    try:
        dist.barrier()  # a rank that is done must not leave while another one still connects
        torch.save(function(rank, *args), os.path.join(folder, f"{rank}.pt"))
    finally:
        dist.destroy_process_group()


def on_ranks(function: Callable[..., Any], *args: Any, size: int = 2) -> list[Any]:
    """``[function(rank, *args) for rank in range(size)]``, each in a process of its own within one gloo group."""
    with tempfile.TemporaryDirectory() as folder:
        mp.start_processes(_main, (size, folder, function, args), nprocs=size, start_method="fork")
        return [torch.load(os.path.join(folder, f"{r}.pt"), weights_only=False) for r in range(size)]
