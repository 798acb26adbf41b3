"""Step time of video backbones in channels-last memory against torch's default order, in one run.

    python tools/benchmarks/video_models.py [--models i3d r3d mc3 r2plus1d] [--batch-size 2] [--frames 16] [--size 112]

Both orders take the same weights and clips, and their steps take turns in one process, so drifts of the machine meet
both; on a busy machine --cpu-time counts the processor's time instead of the clock's. A step is a forward and a
backward pass in training mode; ``forward`` is evaluation without gradient. Above 1, channels-last is faster.
"""

from __future__ import annotations

import argparse
import statistics
import time

import torch
from torch import nn

from mmsync.models.backbones import I3D, VideoBackbone, VideoResNet


def build(name: str, channels_last: bool) -> VideoBackbone:
    return I3D(channels_last=channels_last) if name == "i3d" else VideoResNet(name, channels_last=channels_last)


def step(model: nn.Module, clip: torch.Tensor, dtype: torch.dtype, train: bool) -> None:
    """One training step without the optimizer, or one forward pass."""
    model.train(train)
    model.zero_grad()
    autocast = torch.autocast(clip.device.type, dtype, enabled=dtype != torch.float32)
    with autocast, torch.set_grad_enabled(train):
        out = model(clip)
    if train:
        out.float().square().mean().backward()
    if clip.is_cuda:
        torch.cuda.synchronize()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=["i3d"], choices=["i3d", "r3d", "mc3", "r2plus1d"])
    parser.add_argument("--batch-size", type=int, default=2)
    parser.add_argument("--frames", type=int, default=16)
    parser.add_argument("--size", type=int, default=112)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", choices=["fp32", "bf16"], default="fp32")
    parser.add_argument("--cpu-time", action="store_true", help="count the processor's time")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    clock = time.process_time if args.cpu_time else time.perf_counter
    dtype = torch.float32 if args.dtype == "fp32" else torch.bfloat16
    clip = torch.randn(args.batch_size, args.frames, args.size, args.size, 3).permute(0, 4, 1, 2, 3).to(args.device)
    print(
        f"clips {tuple(clip.shape)}, {args.dtype}, {args.device}, {args.threads} thread(s); medians of {args.repeats}"
    )
    for name in args.models:
        models = {
            order: build(name, order == "channels-last").to(args.device) for order in ("default", "channels-last")
        }
        models["default"].load_state_dict(models["channels-last"].state_dict())
        for what, train in (("forward", False), ("step", True)):
            times: dict[str, list[float]] = {order: [] for order in models}
            for i in range(args.repeats + 1):
                for order, model in models.items():
                    start = clock()
                    step(model, clip, dtype, train)
                    if i:  # the first warms up
                        times[order].append(clock() - start)
            default, last = (statistics.median(t) for t in times.values())
            print(f"{name:9} {what:8} default {default * 1e3:8.1f} ms  channels-last {last * 1e3:8.1f} ms", end="  ")
            print(f"ratio {default / last:.2f}", flush=True)


if __name__ == "__main__":
    main()
