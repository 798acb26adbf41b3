"""A whole training step of mmsync against the same step written plainly, or computed in full.

AimCLR: the plain step is the published order of operations: three separate passes over all persons, empty ones
included; the graph convolution as a 1x1 convolution to K * D channels and an einsum; explicit softmax distributions and
their logarithms. HiCLR, SkeleMixCLR and PSTL: likewise; masked joints are zeros in every pass of the plain PSTL.

MAMP, SkeletonMAE and S-JEPA, at MAMP's published sizes: 90 % of the tokens are hidden, so the encoder sees 74 of 750;
against it, the whole: nothing is hidden, and all 750 tokens pass through the encoder. Everything else is the same in
both: the decoder runs over all 750 tokens, as published, and mask, target, loss (of the hidden tokens; of the whole: of
all), backward pass and optimizer are part of both steps. What is compared is what a run costs, not the encoder alone,
which gains more; S-JEPA's target encoder sees all tokens in either.

CMD: its GRU in one fused call, against the same GRU stepped frame by frame, as in the release. CrosSCLR (its second
stage) and UmURL have nothing to be compared with.

    python tools/benchmarks/train_step.py [--batch 128] [--width 16] [--second-person 0.2] [--device cpu]
    python tools/benchmarks/train_step.py --method MAMP

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

QUEUE, TEMPERATURE, DIM, WIDE = 32768, 0.07, 128, 6144
LAYOUT = SkeletonLayout.get("ntu25")


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

    def keys(self, key: Tensor) -> Tensor:
        with torch.no_grad():
            for a, b in zip(self.k.parameters(), self.q.parameters()):
                a.mul_(0.999).add_(b, alpha=0.001)
            return self.k.embed(self.k.features(key), len(key))

    def logits(self, z: Tensor, k: Tensor) -> Tensor:
        both = torch.einsum("nc,nc->n", z, k)[:, None], torch.einsum("nc,ck->nk", z, self.queue.clone())
        return torch.cat(both, 1) / TEMPERATURE

    def contrast(self, logits: Tensor) -> Tensor:
        return F.cross_entropy(logits, torch.zeros(len(logits), dtype=torch.long, device=logits.device))

    def match(self, logits: Tensor, target: Tensor) -> Tensor:
        return -0.5 * (target.detach().softmax(1) * torch.log(torch.softmax(logits, 1))).sum(1).mean()

    def enqueue(self, k: Tensor) -> None:
        self.queue[:, self.pointer : self.pointer + len(k)] = k.T
        self.pointer = (self.pointer + len(k)) % QUEUE

    def forward(self, query: Tensor, key: Tensor, extreme: Tensor) -> Tensor:
        n = len(query)
        z = self.q.embed(self.q.features(query), n)
        feature = self.q.features(extreme)
        z_extreme, z_drop = self.q.embed(feature, n), self.q.embed(plain_drop(feature), n)
        k = self.keys(key)
        logits = [self.logits(y, k) for y in (z, z_extreme, z_drop)]
        self.enqueue(k)
        return self.contrast(logits[0]) + sum(self.match(other, logits[0]) for other in logits[1:])


class PlainHiCLR(PlainAimCLR):
    views_needed = ("query", "key", "normal", "masked")

    def __init__(self, graph: Tensor, width: int) -> None:
        super().__init__(graph, width)
        self.mask_value = nn.Parameter(torch.zeros(1))

    def forward(self, query: Tensor, key: Tensor, normal: Tensor, masked: Tensor) -> Tensor:
        n, _, frames, joints, _ = query.shape
        mask = torch.ones(frames, joints, 1, device=query.device)
        for frame in range(frames):
            mask[frame, torch.randperm(joints)[:2]] = 0
        masked = masked * mask + self.mask_value * (1 - mask)
        zs = [self.q.embed(self.q.features(x), n) for x in (query, normal, masked)]
        k = self.keys(key)
        logits = [self.logits(z, k) for z in zs]
        self.enqueue(k)
        return self.contrast(logits[0]) + self.match(logits[1], logits[0]) + self.match(logits[2], logits[1])


class PlainSkeleMixCLR(PlainAimCLR):
    views_needed = ("query", "key")

    def forward(self, query: Tensor, key: Tensor) -> Tensor:
        n, _, frames, joints, _ = query.shape
        mask = torch.zeros(frames, joints, device=query.device)
        mask[frames // 4 : frames * 3 // 4, [j for part in LAYOUT.body_parts[1:3] for j in part]] = 1
        z = self.q.embed(self.q.features(query), n)
        donor = (torch.arange(n, device=query.device) + 1) % n
        feature = self.q.features(query * (1 - mask[..., None]) + query[donor] * mask[..., None])
        k = self.keys(key)
        loss = self.contrast(self.logits(z, k))
        small = F.adaptive_avg_pool2d(mask[None], feature.shape[2:])[0]
        for weight, positive in ((small, k[donor]), (1 - small, k)):
            region = self.q.embed(feature * weight * weight.numel() / weight.sum(), n)
            loss = loss + self.contrast(self.logits(region, positive))
        self.enqueue(k)
        return loss


class PlainPSTL(nn.Module):
    views_needed = ("anchor", "temporal", "spatial")

    def __init__(self, graph: Tensor, width: int) -> None:
        super().__init__()
        self.net = PlainSTGCN(graph, width)
        widths = [256, WIDE, WIDE]
        hidden = ((nn.Linear(a, b, bias=False), nn.BatchNorm1d(b), nn.ReLU()) for a, b in zip(widths, widths[1:]))
        self.net.fc = nn.Sequential(
            *(layer for layers in hidden for layer in layers), nn.Linear(WIDE, WIDE, bias=False)
        )
        self.norm = nn.BatchNorm1d(WIDE, affine=False)

    def embed(self, x: Tensor, keep: Tensor | None = None) -> Tensor:
        feature = self.net.features(x if keep is None else x * keep)
        return self.norm(self.net.fc(feature.mean((2, 3)).view(len(x), -1, 256).mean(1)))

    def forward(self, anchor: Tensor, temporal: Tensor, spatial: Tensor) -> Tensor:
        n, _, frames, joints, _ = anchor.shape
        motion = torch.zeros_like(temporal)
        motion[:, :, :-1] = temporal[:, :, 1:] - temporal[:, :, :-1]
        calm = (-(motion**2).mean((1, 3, 4))).topk(frames - frames // 5)[1].sort(1)[0]
        calm = calm[:, torch.randperm(calm.shape[1])[: frames - 2 * (frames // 5)].sort()[0]]
        temporal = temporal.gather(2, calm[:, None, :, None, None].expand(-1, 3, -1, joints, 2))
        keep = torch.ones(joints, 1, device=anchor.device)
        keep[torch.randperm(joints)[:7]] = 0
        z = self.embed(anchor)
        loss = z.new_zeros(())
        for other in (self.embed(temporal), self.embed(spatial, keep)):
            c = z.T @ other / n
            off = c[~torch.eye(WIDE, dtype=torch.bool, device=c.device)]
            loss = loss + (c.diagonal() - 1).pow(2).sum() + 2e-4 * off.pow(2).sum()
        return loss


PLAIN = {"AimCLR": PlainAimCLR, "HiCLR": PlainHiCLR, "SkeleMixCLR": PlainSkeleMixCLR, "PSTL": PlainPSTL}
OTHERS = {  # what a method is compared with
    **dict.fromkeys(PLAIN, "plain"), **dict.fromkeys(("MAMP", "SkeletonMAE", "SJEPA"), "whole"), "CMD": "stepped",
    "CrosSCLR": None, "UmURL": None,
}  # fmt: skip


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


# ---------------------------------------------------------------------------------------------------------- measuring


def clips(args: argparse.Namespace, names: Sequence[str]) -> dict[str, View]:
    mask = torch.ones(args.batch, 2, dtype=torch.bool)
    mask[round(args.batch * args.second_person) :, 1] = False
    shape = (args.batch, 2, args.frames, LAYOUT.num_joints, 9 if args.method == "UmURL" else 3)
    views = {}
    for i, name in enumerate(names):
        x = torch.randn(shape, generator=torch.Generator().manual_seed(i))
        views[name] = View((x * mask[..., None, None, None]).to(args.device), mask.to(args.device))
    return views


def build(method: str, variant: str, width: int) -> nn.Module:
    torch.manual_seed(0)
    if OTHERS[method] == "whole":
        encoder = dict(type="Encoder", backbone=dict(type="SkeletonViT"))
        model = MODELS.build(dict(type=method, encoder=encoder, decoder=dict(type="TokenDecoder")))
        if variant == "whole":
            model.split = everything
        return model
    if method == "UmURL":
        sizes = dict(in_channels=9, embed_dim=128, depth=2, num_heads=4, mlp_ratio=2.0, t_patch=5, clip_len=50)
        return MODELS.build(dict(type=method, encoder=dict(type="Encoder", backbone=dict(type="SkeletonViT", **sizes))))
    backbone = dict(type="STGCN", width=width, out_channels=256)
    if variant == "plain":
        graph = MODELS.build(dict(type="Encoder", backbone=backbone)).backbone.A
        return PLAIN[method](graph, width)
    projector = dict(type="MLPProjector", out_channels=DIM)
    more = dict(queue_size=QUEUE, temperature=TEMPERATURE)
    if method == "CMD":
        kind = SteppedGRU if variant == "stepped" else BiGRU
        backbone, more["topk"] = kind(num_persons=2, directions="forward", last_step=True), QUEUE // 2
    if method == "CrosSCLR":
        more["cross_epoch"] = 0
    if method == "PSTL":
        projector, more = dict(projector, norm=True, num_layers=3, hidden_channels=WIDE, out_channels=WIDE), {}
    encoder = dict(type="Encoder", backbone=backbone, projector=projector)
    return MODELS.build(dict(type=method, encoder=encoder, **more))


def everything(rows: Tensor) -> tuple[Tensor, Tensor]:
    """All tokens of persons (P, T, V, C), in patches of 4 frames, as visible and to be predicted."""
    places = torch.arange(rows.shape[1] // 4 * rows.shape[2], device=rows.device).expand(len(rows), -1)
    return places, places


def measure(args: argparse.Namespace) -> dict[str, float]:
    keep_freed_memory()  # for both variants alike
    torch.set_num_threads(args.threads)
    model = build(args.method, args.variant, args.width).to(args.device).train()
    names = getattr(model, "views_needed", ("query", "key", "extreme"))
    views = clips(args, names)
    if args.variant == "plain":
        views = {k: v.data.permute(0, 4, 2, 3, 1).contiguous() for k, v in views.items()}
    parameters = [p for p in model.parameters() if p.requires_grad]
    if OTHERS[args.method] != "whole":
        optimizer = torch.optim.SGD(parameters, lr=0.01, momentum=0.9, weight_decay=1e-4)
    else:
        optimizer = torch.optim.AdamW(parameters, lr=1e-4, weight_decay=0.05, fused=True)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    clock, times = time.process_time if args.cpu_time else time.perf_counter, []
    for _ in range(args.steps + 1):
        start = clock()
        if args.variant == "plain":
            loss = model(*views.values())
        else:
            loss = sum(v for k, v in model.loss(views).items() if "loss" in k)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if args.device != "cpu":
            torch.cuda.synchronize()
        times.append(clock() - start)
    if args.device == "cpu":
        peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    else:
        peak = torch.cuda.max_memory_allocated() / 2**20
    return dict(seconds=statistics.median(times[1:]), peak_mib=peak)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--method", choices=list(OTHERS), default="AimCLR")
    parser.add_argument("--batch", type=int, help="default: 128; of masked prediction 8")
    parser.add_argument("--frames", type=int, help="default: 50; of masked prediction 120")
    parser.add_argument("--width", type=int, default=16, help="ST-GCN's width: 16 is AimCLR's, 64 the standard one")
    parser.add_argument("--second-person", type=float, default=0.2, help="share of clips with a second person")
    parser.add_argument("--steps", type=int, default=4, help="timed steps a process")
    parser.add_argument("--rounds", type=int, default=3, help="processes a variant")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--cpu-time", action="store_true", help="of the process, on a busy machine; with --threads 1")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--variant", choices=["plain", "whole", "stepped", "mmsync"], help=argparse.SUPPRESS)
    args = parser.parse_args()
    other = OTHERS[args.method]
    masked = other == "whole"
    args.batch = args.batch or (8 if masked else 128)
    args.frames = args.frames or (120 if masked else 50)
    if args.variant:
        print(json.dumps(measure(args)))
        return
    joints = LAYOUT.num_joints
    graph = f"ST-GCN width {args.width}, queue {QUEUE}"
    networks = {"CMD": "GRU of CMD", "UmURL": "small transformer"}
    network = "transformer of MAMP, 90 % hidden" if masked else networks.get(args.method, graph)
    print(
        f"{args.method} step: batch {args.batch}, T={args.frames}, V={joints}, M=2, "
        f"second person in {args.second_person:.0%}, {network}, {args.device}, {args.threads} threads"
    )
    results: dict[str, list[dict]] = {variant: [] for variant in (other, "mmsync") if variant}
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
    if other is None:
        return
    (slow, slow_peak), (ours, ours_peak) = best[other], best["mmsync"]
    print(f"mmsync is {slow / ours:.2f}x as fast and takes {ours_peak / slow_peak:.2f}x the memory")


if __name__ == "__main__":
    main()
