"""DSTformer against the same network written plainly: time and peak memory of a forward and backward pass.

The plain network takes the same weights. Its attention makes the softmax's weights, each axis is reached through
permuted copies, the two blocks of a level are mixed through a concatenation, and all persons are computed, as
published. A third row computes the same persons as mmsync, so that the share of the attention shows.

    python tools/benchmarks/backbones.py [--embed-dim 128] [--batch-size 16] [--frames 50] [--device cpu]

Steps of the variants take turns in one process, so drifts of the machine meet all; on a busy machine --threads 1
--cpu-time counts the processor's time instead. Peak memory is what a step adds to model and data: on a GPU by the
allocator's count, on the CPU (Linux) by the resident set of one process a variant. D = 512 is the report's width; on
the CPU its plain form takes minutes a step and more than 20 GB.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from mmsync.compat import autocast
from mmsync.engine.allocator import keep_freed_memory
from mmsync.registry import MODELS
from mmsync.structures import SkeletonLayout, View

VARIANTS = ("plain", "plain, same persons", "mmsync")
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
TOLERANCE = 1e-4


# ---------------------------------------------------------------------------------------------------- the plain network


def plain_attention(layer: nn.Module, x: Tensor) -> Tensor:
    """Attention within each row of ``(B, L, D)``."""
    b, length, dim = x.shape
    heads = layer.num_heads
    qkv = layer.qkv(x).reshape(b, length, 3, heads, dim // heads).permute(2, 0, 3, 1, 4).contiguous()
    query, key, value = qkv[0], qkv[1], qkv[2]
    weights = torch.softmax(query @ key.transpose(-2, -1) * (dim // heads) ** -0.5, dim=-1)
    return layer.proj((weights @ value).transpose(1, 2).reshape(b, length, dim))


def plain_block(block: nn.Module, x: Tensor) -> Tensor:
    """Attention over both axes, each with its MLP: ``(P, T, V, D)``."""
    p, t, v, dim = x.shape
    for axis in block.order:
        norm1, attn, norm2, mlp = (getattr(block, f"{name}_{axis}") for name in ("norm1", "attn", "norm2", "mlp"))
        if axis == "s":
            y = plain_attention(attn, norm1(x).reshape(p * t, v, dim)).reshape(p, t, v, dim)
        else:
            y = norm1(x).permute(0, 2, 1, 3).contiguous().reshape(p * v, t, dim)
            y = plain_attention(attn, y).reshape(p, v, t, dim).permute(0, 2, 1, 3).contiguous()
        x = x + y
        x = x + mlp(norm2(x))
    return x


def plain_dstformer(net: nn.Module, x: Tensor) -> Tensor:
    """``(P, T, V, C)`` to ``(P, T, V, R)``."""
    x = net.joints_embed(x) + net.pos_embed + net.temp_embed[:, : x.shape[1]]
    for block_st, block_ts, fusion in zip(net.blocks_st, net.blocks_ts, net.ts_attn):
        both = torch.stack([plain_block(block_st, x), plain_block(block_ts, x)])
        alpha = torch.softmax(fusion(torch.cat([both[0], both[1]], dim=-1)), dim=-1)
        x = both[0] * alpha[..., :1] + both[1] * alpha[..., 1:]
    return net.pre_logits(net.norm(x))


def plain_features(net: nn.Module, view: View, all_persons: bool) -> Tensor:
    """Mean over frames and joints, then over the persons who are there: ``(N, D)``."""
    weights = view.present / view.present.sum(1, keepdim=True)  # (N, M)
    if all_persons:
        feature = plain_dstformer(net, view.data.flatten(0, 1)).mean((1, 2))
        return (feature.view(*view.present.shape, -1) * weights[..., None]).sum(1)
    feature = plain_dstformer(net, view.data[view.present]).mean((1, 2))
    rows = view.present.nonzero()[:, 0]
    weighted = feature * weights[view.present][:, None]
    return weighted.new_zeros(len(view.present), feature.shape[1]).index_add(0, rows, weighted)


# ------------------------------------------------------------------------------------------------------------ measuring


def build(args: argparse.Namespace) -> tuple[nn.Module, View, dict[str, Callable[[], Tensor]]]:
    """The encoder, the batch and, for each variant, its features ``(N, D)``."""
    torch.manual_seed(0)
    torch.set_num_threads(args.threads)
    keep_freed_memory()  # for all variants alike
    width = dict(embed_dim=args.embed_dim, rep_dim=args.embed_dim, depth=args.depth, num_heads=args.num_heads)
    backbone = dict(type="DSTformer", layout=args.layout, max_len=args.frames, init="normal", **width)
    encoder = MODELS.build(dict(type="Encoder", backbone=backbone)).to(args.device).train()
    mask = torch.ones(args.batch_size, args.persons, dtype=torch.bool)
    mask[round(args.batch_size * args.second_person) :, 1:] = False
    joints = SkeletonLayout.get(args.layout).num_joints
    data = torch.randn(args.batch_size, args.persons, args.frames, joints, 3) * mask[..., None, None, None]
    view = View(data.to(args.device), mask.to(args.device))
    net = encoder.backbone
    calls = (
        lambda: plain_features(net, view, True),
        lambda: plain_features(net, view, False),
        lambda: encoder.extract(view),
    )
    return encoder, view, dict(zip(VARIANTS, calls))


def step(encoder: nn.Module, features: Callable[[], Tensor], dtype: torch.dtype) -> Tensor:
    """One forward and backward pass."""
    encoder.zero_grad()
    with autocast(encoder, dtype) if dtype != torch.float32 else torch.autocast("cpu", enabled=False):
        out = features()
    out.float().square().sum().backward()
    return out.detach()


def synchronize(device: str) -> None:
    if device != "cpu":
        torch.cuda.synchronize()


def check_agreement(encoder: nn.Module, calls: dict[str, Callable[[], Tensor]]) -> tuple[float, float]:
    """Largest difference of features and of gradients from the plain form, over the largest of each."""
    outs, grads = [], []
    for features in calls.values():
        outs.append(step(encoder, features, torch.float32))
        grads.append([p.grad for p in encoder.parameters()])
    out = max((o - outs[0]).abs().max() for o in outs) / outs[0].abs().max()
    grad = max((b - a).abs().max() for g in grads for a, b in zip(grads[0], g)) / max(a.abs().max() for a in grads[0])
    return out.item(), grad.item()


def peak_on_cpu(args: argparse.Namespace) -> float:
    """MiB that one step adds to the resident set; in a process of its own."""
    encoder, _, calls = build(args)
    Path("/proc/self/clear_refs").write_text("5")  # the peak of what came before is forgotten
    before = resident("VmRSS")
    step(encoder, calls[args.variant], DTYPES[args.variant_dtype])
    return resident("VmHWM") - before


def resident(which: str) -> float:
    """Resident set (``VmRSS``) or its peak (``VmHWM``) in MiB. ``ru_maxrss`` would be that of the parent process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(which)) / 1024


def peak_on_gpu(args: argparse.Namespace, encoder: nn.Module, features: Callable[[], Tensor], dtype: str) -> float:
    encoder.zero_grad()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    step(encoder, features, DTYPES[dtype])
    return (torch.cuda.max_memory_allocated() - before) / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--embed-dim", type=int, default=128, help="D; the report's is 512")
    parser.add_argument("--num-heads", type=int, default=8)
    parser.add_argument("--depth", type=int, default=4)
    parser.add_argument("--layout", default="ntu25")
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--persons", type=int, default=2, help="M")
    parser.add_argument("--frames", type=int, default=50, help="T")
    parser.add_argument("--second-person", type=float, default=0.2, help="share of clips with a second person")
    parser.add_argument("--dtypes", nargs="+", choices=list(DTYPES), default=list(DTYPES))
    parser.add_argument("--steps", type=int, default=3, help="timed steps a block")
    parser.add_argument("--rounds", type=int, default=3, help="blocks a variant; they take turns")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--cpu-time", action="store_true", help="time of the processor instead of the wall's")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--variant", choices=VARIANTS, help=argparse.SUPPRESS)
    parser.add_argument("--variant-dtype", choices=list(DTYPES), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.variant:
        print(json.dumps(peak_on_cpu(args)))
        return
    encoder, view, calls = build(args)
    print(
        f"DSTformer: D={args.embed_dim}, depth {args.depth}, {args.num_heads} heads, batch {args.batch_size}, "
        f"T={args.frames}, V={view.data.shape[3]}, M={args.persons}, second person in {args.second_person:.0%}, "
        f"{args.device}, {args.threads} threads, torch {torch.__version__}"
    )
    clock = time.process_time if args.cpu_time else time.perf_counter
    out, grad = check_agreement(encoder, calls)
    print(f"features agree to {out:.1e} of the largest, gradients to {grad:.1e}")
    if max(out, grad) > TOLERANCE:
        sys.exit(f"the variants do not compute the same: more than {TOLERANCE}")
    for dtype in args.dtypes:
        seconds: dict[str, list[float]] = {name: [] for name in VARIANTS}
        for round_ in range(args.rounds):
            for name, features in calls.items():
                for i in range(args.steps + (round_ == 0)):
                    synchronize(args.device)
                    start = clock()
                    step(encoder, features, DTYPES[dtype])
                    synchronize(args.device)
                    if round_ or i:  # the first step warms up
                        seconds[name].append(clock() - start)
        peaks = {}
        for name, features in calls.items():
            if args.device == "cpu":
                command = [sys.executable, *sys.argv, "--variant", name, "--variant-dtype", dtype]
                run = subprocess.run(command, check=True, capture_output=True, text=True)
                peaks[name] = json.loads(run.stdout.splitlines()[-1])
            else:
                peaks[name] = peak_on_gpu(args, encoder, features, dtype)
        middle = {name: statistics.median(values) for name, values in seconds.items()}
        print(f"{dtype:20}  {'ms a step':>9}  {'fastest':>8}  {'peak MiB':>8}   mmsync is x as fast, with x the memory")
        for name in VARIANTS:
            ratios = f"{middle[name] / middle['mmsync']:.2f}  {peaks['mmsync'] / peaks[name]:.2f}"
            times = f"{middle[name] * 1e3:9.1f}  {min(seconds[name]) * 1e3:8.1f}"
            print(f"  {name:18}  {times}  {peaks[name]:8.0f}   {ratios}", flush=True)


if __name__ == "__main__":
    main()
