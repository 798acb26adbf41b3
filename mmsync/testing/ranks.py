"""A function on several processes of this machine."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

import torch
import torch.distributed as dist
import torch.multiprocessing as mp

try:
    import cloudpickle
except ImportError:  # joblib, which scikit-learn needs, depends on it since 1.6, and has a copy before
    from joblib.externals import cloudpickle


def _main(rank: int, size: int, folder: str) -> None:
    environment, here, task = pickle.loads(Path(folder, "task").read_bytes())
    os.environ.update(environment)
    os.chdir(here)
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=size)
    function, args = pickle.loads(task)
    dist.barrier()  # a rank that is done must not leave while another one still connects
    torch.save(function(rank, *args), os.path.join(folder, f"{rank}.pt"))
    dist.destroy_process_group()  # after an error it would fail the other ranks first, and theirs would be reported


def on_ranks(function: Callable[..., Any], *args: Any, size: int = 2) -> list[Any]:
    """``[function(rank, *args) for rank in range(size)]``, each in a process of its own within one gloo group.

    The processes are no forks of this one, where autograd may have threads already: it starts them for GPUs, and a
    forked process then refuses ``backward``. They fork from a server that has imported mmsync and done nothing else.
    ``function`` and ``args`` are pickled, lambdas too; random states and other globals are not taken along.
    """
    multiprocessing.set_forkserver_preload(["mmsync.testing", "pytest"])
    with tempfile.TemporaryDirectory() as folder:
        task = cloudpickle.dumps((function, args))
        Path(folder, "task").write_bytes(pickle.dumps((dict(os.environ), os.getcwd(), task)))
        with mock.patch.dict(sys.modules, __main__=ModuleType("__main__")):  # else each rank runs the script again
            ranks = mp.start_processes(_main, (size, folder), size, join=False, start_method="forkserver")
        while not ranks.join():
            pass
        return [torch.load(os.path.join(folder, f"{r}.pt"), weights_only=False) for r in range(size)]
