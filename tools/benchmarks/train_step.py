"""A whole training step of AimCLR, or of a method of several streams, against the same step written plainly.

The plain step of AimCLR is the published order of operations: three separate passes over all persons, empty ones
included; the graph convolution as a 1x1 convolution to K * D channels and an einsum; explicit softmax distributions and
their logarithms. That of CMD steps its GRU frame by frame, as the release. CrosSCLR and UmURL have none.

    python tools/benchmarks/train_step.py [--method aimclr] [--batch 128] [--width 16] [--device cpu]

Each variant runs in processes of its own, in turn, so that its peak memory is its own and drifts of the machine meet
both.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Optional

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmsync.engine.allocator import keep_freed_memory
from mmsync.models.backbones import BiGRU
from mmsync.registry import MODELS
from mmsync.structures import SkeletonLayout, View

QUEUE, TEMPERATURE, DIM = 32768, 0.07, 128


# ------------------------------------------------------------------------------------------------------- the plain step


class PlainBlock(nn.Module):
    def __init__(self, c: int, d: int, stride: int, dropout: float, residual: bool) -> None:
        super().__init__()
        self.conv = nn.Conv2d(c, 3 * d, 1)
        self.tcn = nn.Sequential(
            nn.BatchNorm2d(d),
            nn.ReLU(),
            nn.Conv2d(d, d, (9, 1), (stride, 1), (4, 0)),
            nn.BatchNorm2d(d),
            nn.Dropout(dropout),
        )
        self.residual = None
        if residual and c == d and stride == 1:
            self.residual = nn.Identity()
        elif residual:
            self.residual = nn.Sequential(nn.Conv2d(c, d, 1, (stride, 1)), nn.BatchNorm2d(d))

    def forward(self, x: Tensor, graph: Tensor) -> Tensor:
        n, kd, t, v = (y := self.conv(x)).shape
        y = torch.einsum("nkctv,kvw->nctw", y.view(n, 3, kd // 3, t, v), graph).contiguous()
        y = self.tcn(y)
        return torch.relu(y if self.residual is None else y + self.residual(x))


class PlainSTGCN(nn.Module):
    """(N, C, T, V, M) to the feature map (N * M, D, T', V)."""

    def __init__(self, graph: Tensor, width: int) -> None:
        super().__init__()
        widths = [width] * 4 + [2 * width] * 3 + [4 * width] * 2 + [256]
        self.register_buffer("graph", graph)
        self.norm = nn.BatchNorm1d(75)
        self.blocks = nn.ModuleList(
            PlainBlock(c, d, 2 if i in (4, 7) else 1, 0.5 if i else 0.0, i > 0)
            for i, (c, d) in enumerate(zip([3, *widths], widths))
        )
        self.importance = nn.ParameterList(nn.Parameter(torch.ones_like(graph)) for _ in widths)
        self.fc = nn.Sequential(nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, DIM))

    def features(self, x: Tensor) -> Tensor:
        n, c, t, v, m = x.shape
        x = x.permute(0, 4, 3, 1, 2).contiguous().view(n * m, v * c, t)
        x = self.norm(x).view(n * m, v, c, t).permute(0, 2, 3, 1).contiguous()
        for block, importance in zip(self.blocks, self.importance):
            x = block(x, self.graph * importance)
        return x

    def embed(self, x: Tensor, n: int) -> Tensor:
        return F.normalize(self.fc(x.mean((2, 3)).view(n, -1, 256).mean(1)), dim=1)


def plain_drop(x: Tensor) -> Tensor:
    attention = (x - x.mean((2, 3), keepdim=True)).pow(2)
    attention = attention / (4 * (attention.sum((2, 3), keepdim=True) / (x[0, 0].numel() - 1) + 1e-4)) + 0.5
    attention = torch.sigmoid(attention)
    joint = (attention.mean((1, 2)) < 0.7).float()
    x = x * joint[:, None, None] * (joint.numel() / joint.sum())
    element = (attention < 0.7).float()
    return x * element * (element.numel() / element.sum())


class PlainAimCLR(nn.Module):
    def __init__(self, graph: Tensor, width: int) -> None:
        super().__init__()
        self.q, self.k = PlainSTGCN(graph, width), PlainSTGCN(graph, width)
        self.k.load_state_dict(self.q.state_dict())
        self.k.requires_grad_(False)
        self.register_buffer("queue", F.normalize(torch.randn(DIM, QUEUE), dim=0))
        self.pointer = 0

    def forward(self, query: Tensor, key: Tensor, extreme: Tensor) -> Tensor:
        n = len(query)
        z = self.q.embed(self.q.features(query), n)
        feature = self.q.features(extreme)
        z_extreme, z_drop = self.q.embed(feature, n), self.q.embed(plain_drop(feature), n)
        with torch.no_grad():
            for a, b in zip(self.k.parameters(), self.q.parameters()):
                a.mul_(0.999).add_(b, alpha=0.001)
            k = self.k.embed(self.k.features(key), n)
        logits = [
            torch.cat([torch.einsum("nc,nc->n", y, k)[:, None], torch.einsum("nc,ck->nk", y, self.queue.clone())], 1)
            / TEMPERATURE
            for y in (z, z_extreme, z_drop)
        ]
        target = logits[0].detach().softmax(1)
        loss = F.cross_entropy(logits[0], torch.zeros(n, dtype=torch.long, device=query.device))
        for other in logits[1:]:
            loss = loss - 0.5 * (target * torch.log(torch.softmax(other, 1))).sum(1).mean()
        self.queue[:, self.pointer : self.pointer + n] = k.T
        self.pointer = (self.pointer + n) % QUEUE
        return loss


# ---------------------------------------------------------------------------------------------------------- measuring


class SteppedGRU(BiGRU):
    """The network of ``directions='forward'``, one frame at a time."""

    def forward_rows(self, x: Tensor) -> Tensor:
        x = self.data_bn(x.flatten(2).mT).mT
        states: list[Optional[Tensor]] = [None] * len(self.gru)
        for t in range(x.shape[1]):
            out = x[:, t : t + 1]
            for i in range(0, len(self.gru), 2):
                steps = [self.gru[j](out, states[j]) for j in (i, i + 1)]
                states[i : i + 2] = [state for _, state in steps]
                out = torch.cat([step for step, _ in steps], 2)
        return out.mT.unsqueeze(-1)


def clips(args: argparse.Namespace, names: Sequence[str], channels: int = 3) -> dict[str, View]:
    mask = torch.ones(args.batch, 2, dtype=torch.bool)
    mask[round(args.batch * args.second_person) :, 1] = False
    device, views = args.device, {}
    for i, name in enumerate(names):
        shape = (args.batch, 2, args.frames, 25, channels)
        x = torch.randn(shape, generator=torch.Generator().manual_seed(i))
        views[name] = View((x * mask[..., None, None, None]).to(device), mask.to(device))
    return views


def build(method: str, variant: str, width: int) -> nn.Module:
    torch.manual_seed(0)
    backbone = dict(type="STGCN", width=width, out_channels=256)
    if method != "aimclr":
        return build_streams(method, backbone, variant == "plain")
    if variant == "plain":
        graph = MODELS.build(dict(type="Encoder", backbone=backbone)).backbone.A
        return PlainAimCLR(graph, width)
    encoder = dict(type="Encoder", backbone=backbone, projector=dict(type="MLPProjector", out_channels=DIM))
    return MODELS.build(dict(type="AimCLR", encoder=encoder, queue_size=QUEUE, temperature=TEMPERATURE))


def build_streams(method: str, backbone: dict, stepped: bool) -> nn.Module:
    """CrosSCLR in its second stage and CMD on their published networks, UmURL on a small transformer."""
    queue = dict(queue_size=QUEUE, temperature=TEMPERATURE)
    encoder = dict(type="Encoder", backbone=backbone, projector=dict(type="MLPProjector", out_channels=DIM))
    if method == "crossclr":
        return MODELS.build(dict(type="CrosSCLR", encoder=encoder, cross_epoch=0, **queue))
    if method == "cmd":
        kind = SteppedGRU if stepped else BiGRU
        encoder["backbone"] = kind(num_persons=2, directions="forward", last_step=True)
        return MODELS.build(dict(type="CMD", encoder=encoder, topk=QUEUE // 2, **queue))
    backbone = dict(type="SkeletonViT", in_channels=9, embed_dim=128, depth=2, num_heads=4, mlp_ratio=2.0, t_patch=5)
    return MODELS.build(dict(type="UmURL", encoder=dict(type="Encoder", backbone=dict(backbone, clip_len=50))))


def measure(args: argparse.Namespace) -> dict[str, float]:
    keep_freed_memory()  # for both variants alike
    torch.set_num_threads(args.threads)
    model = build(args.method, args.variant, args.width).to(args.device).train()
    names = getattr(model, "views_needed", ("query", "key", "extreme"))
    views = clips(args, names, 9 if args.method == "umurl" else 3)
    plain = isinstance(model, PlainAimCLR)
    if plain:
        views = {k: v.data.permute(0, 4, 2, 3, 1).contiguous() for k, v in views.items()}
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    times = []
    for _ in range(args.steps + 1):
        start = time.perf_counter()
        if plain:
            loss = model(views["query"], views["key"], views["extreme"])
        else:
            loss = sum(v for k, v in model.loss(views).items() if "loss" in k)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if args.device != "cpu":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    if args.device == "cpu":
        peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    else:
        peak = torch.cuda.max_memory_allocated() / 2**20
    return dict(seconds=statistics.median(times[1:]), peak_mib=peak)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--method", choices=["aimclr", "crossclr", "cmd", "umurl"], default="aimclr")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--frames", type=int, default=50)
    parser.add_argument("--width", type=int, default=16, help="ST-GCN's width: 16 is AimCLR's, 64 the standard one")
    parser.add_argument("--second-person", type=float, default=0.2, help="share of clips with a second person")
    parser.add_argument("--steps", type=int, default=4, help="timed steps a process")
    parser.add_argument("--rounds", type=int, default=3, help="processes a variant")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--variant", choices=["plain", "mmsync"], help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.variant:
        print(json.dumps(measure(args)))
        return
    joints = SkeletonLayout.get("ntu25").num_joints
    print(
        f"{args.method} step: batch {args.batch}, T={args.frames}, V={joints}, M=2, "
        f"second person in {args.second_person:.0%}, ST-GCN width {args.width}, queue {QUEUE}, "
        f"{args.device}, {args.threads} threads"
    )
    variants = ["plain", "mmsync"] if args.method in ("aimclr", "cmd") else ["mmsync"]
    results: dict[str, list[dict]] = {variant: [] for variant in variants}
    for round_ in range(args.rounds):
        for variant in results:
            command = [sys.executable, *sys.argv, "--variant", variant]
            run = subprocess.run(command, check=True, capture_output=True, text=True)
            results[variant].append(json.loads(run.stdout.splitlines()[-1]))
            speed = args.batch / results[variant][-1]["seconds"]
            print(f"  round {round_ + 1}: {variant:6} {speed:7.1f} clips/s", flush=True)
    best = {k: (min(r["seconds"] for r in v), min(r["peak_mib"] for r in v)) for k, v in results.items()}
    for variant, (seconds, peak) in best.items():
        speed = f"{args.batch / seconds:7.1f} clips/s  {seconds * 1e3:7.0f} ms a step"
        print(f"{variant:6} {speed}  peak {peak:6.0f} MiB over the model")
    if "plain" not in best:
        return
    (plain, plain_peak), (ours, ours_peak) = best["plain"], best["mmsync"]
    print(f"mmsync is {plain / ours:.2f}x as fast and takes {ours_peak / plain_peak:.2f}x the memory")


if __name__ == "__main__":
    main()
