"""Peak memory and time of NT-Xent, forward and backward: ``python tools/benchmarks/nt_xent.py``.

Three forms on the same embeddings: the textbook's (a cross entropy over the matrix of similarities, by autograd), ours
whole (``chunk_size=None``: the same matrix once), and ours in chunks. Each runs in a process of its own, one after the
other. Memory is what the step adds at its peak to what was there before: on the CPU by the process's largest resident
size (Linux and macOS), on CUDA by torch's allocator. Time is the best of the repetitions; on the CPU it is CPU time,
which other processes on the machine disturb less.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time

import torch
import torch.nn.functional as F
from torch import Tensor

from mmsync.models.losses.nt_xent import nt_xent

TEMPERATURE = 0.1


def textbook(first: Tensor, second: Tensor) -> Tensor:
    """NT-Xent as most codes have it."""
    z = F.normalize(torch.cat([first, second]), dim=1)
    itself = torch.eye(len(z), dtype=torch.bool, device=z.device)
    logits = (z @ z.T / TEMPERATURE).masked_fill(itself, float("-inf"))
    return F.cross_entropy(logits, torch.arange(len(z), device=z.device).roll(len(first)))


def peak(device: str) -> float:
    """MiB at the highest so far."""
    if device.startswith("cuda"):
        return torch.cuda.max_memory_allocated() / 2**20
    import resource  # not on Windows

    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def measure(form: str, args: argparse.Namespace) -> tuple[float, float, float]:
    """Peak MiB, seconds and the loss of a form, ``'textbook'``, ``'whole'`` or ``'chunked'``."""
    torch.set_num_threads(args.threads)

    def step(n: int) -> float:
        generator = torch.Generator().manual_seed(0)
        z = [torch.randn(n, args.dim, generator=generator).to(args.device).requires_grad_() for _ in range(2)]
        chunk = args.chunk if form == "chunked" else None
        loss = textbook(*z) if form == "textbook" else nt_xent(*z, TEMPERATURE, chunk)
        loss.backward()
        return loss.item()  # waits for the GPU

    step(64)  # libraries are loaded
    clock = time.process_time if args.device == "cpu" else time.perf_counter
    before, seconds = peak(args.device), []
    for _ in range(args.repeat):
        start = clock()
        loss = step(args.n)
        seconds.append(clock() - start)
    return peak(args.device) - before, min(seconds), loss


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=8192, help="clips; the matrix has 2N rows and columns")
    parser.add_argument("--dim", type=int, default=128)
    parser.add_argument("--chunk", type=int, default=1024, help="rows at a time in the chunked form")
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    args = parser.parse_args()
    found = {}
    for form in ("textbook", "whole", "chunked"):
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            found[form] = memory, seconds, loss = pool.apply(measure, (form, args))
        print(f"{form:>8}: {memory:8.1f} MiB  {seconds:7.2f} s  loss {loss:.7f}", flush=True)
    matrix = (2 * args.n) ** 2 * 4 / 2**20
    print(f"N={args.n}, D={args.dim}, {args.device}; the float32 matrix alone is {matrix:.0f} MiB")
    for form in ("textbook", "whole"):
        memory, seconds = (found["chunked"][i] / found[form][i] for i in range(2))
        print(f"chunks of {args.chunk} rows / {form}: memory {memory:.3f} (1/{1 / memory:.1f}), time {seconds:.2f}")


if __name__ == "__main__":
    main()
