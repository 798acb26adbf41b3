"""Effect of nearest-neighbor mining on an encoder: ``python tools/benchmarks/mining_collapse.py --mining published``.

Trains a small AimCLR for some epochs and prints, every few of them, what the queue's nearest entries are and what has
become of the features. Labels are read for the printed purities only. docs/design/0011 has the runs and what they say.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import time
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from mmengine.registry import init_default_scope
from torch import Tensor, nn

from mmsync.config import load
from mmsync.evaluation.functional import effective_rank, feature_std, knn_classify, topk_accuracy
from mmsync.evaluation.probes import LinearProbe
from mmsync.models.methods import AimCLR
from mmsync.ops.neighbors import agreement_beyond_chance, neighborhood
from mmsync.registry import DATASETS, MODELS

CONFIGS = Path(__file__).parents[2] / "configs" / "aimclr"
AIMCLR_VIEWS = dict(
    query=[dict(type="AimCLRNormal")], key=[dict(type="AimCLRNormal")], extreme=[dict(type="AimCLRExtreme")]
)
SETTINGS: dict[str, dict[str, Any]] = {
    # the MBAimCLR report's, made small: raw coordinates, a linear head, N(0, .02), plain SGD without warm-up
    "report": dict(optimizer="sgd", lr=1e-2, weight_decay=0.05, temperature=0.07, batch=32, d3m=0.5),
    # the shipped recipe's: centered streams, shipped views, an MLP, AdamW with warm-up and cosine
    "recipe": dict(optimizer="adamw", lr=1.5e-3, weight_decay=0.01, temperature=0.15, batch=64, d3m=0.25),
}


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", choices=["synthetic", "ucla"], default="synthetic")
    parser.add_argument("--data-root", default="data/nw-ucla")
    parser.add_argument("--backbone", choices=["vit", "dstformer", "stgcn"], default="vit")
    parser.add_argument("--setting", choices=list(SETTINGS), default="recipe")
    parser.add_argument("--mining", choices=["off", "published", "safe"], default="off")
    parser.add_argument("--start", type=int, default=2, help="epochs before published or safe mining")
    parser.add_argument("--options", type=json.loads, default={}, help="arguments of NeighborMining, as json")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--every", type=int, default=3, help="epochs between two lines")
    parser.add_argument("--dim", type=int, default=32)
    parser.add_argument("--depth", type=int, default=1)
    parser.add_argument("--window", type=int, default=16, help="frames")
    parser.add_argument("--queue", type=int, default=512)
    parser.add_argument("--lr", type=float, help="instead of the setting's")
    parser.add_argument("--normal-init", type=int, choices=[0, 1], help="N(0, .02) everywhere; default by setting")
    parser.add_argument("--center", type=int, choices=[0, 1], help="views start in the origin; default by setting")
    parser.add_argument("--mlp", type=int, choices=[0, 1], help="MLP projector; default by setting")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def clips(config: dict) -> tuple[dict[str, Tensor], Tensor, Tensor]:
    """All clips of a data set, their labels, and which of them are the bank's."""
    dataset = DATASETS.build(config)
    batch = dataset.__getitems__(list(range(len(dataset))))
    samples = batch["data_samples"]
    labels = torch.tensor([sample.gt_label for sample in samples])
    return batch["inputs"], labels, torch.tensor([sample.get("role", "train") == "bank" for sample in samples])


def build(args: argparse.Namespace, config: Any) -> tuple[nn.Module, AimCLR]:
    """The preprocessor and the method."""
    setting, report = SETTINGS[args.setting], args.setting == "report"
    stream = "joint" if report else "joint+bone+motion"
    layout, channels = ("kinect20" if args.data == "ucla" else "ntu25"), 3 * len(stream.split("+"))
    normal, center, mlp = (
        default if given is None else bool(given)
        for given, default in ((args.normal_init, report), (args.center, not report), (args.mlp, not report))
    )
    preprocessor = MODELS.build(
        dict(
            type="SkeletonPreprocessor",
            layout=layout,
            stream=stream,
            recenter=center,
            window=args.window,
            views=AIMCLR_VIEWS if report else config.model.data_preprocessor.views.to_dict(),
            seed=args.seed,
        )
    )
    size = dict(layout=layout, in_channels=channels, embed_dim=args.dim, depth=args.depth, num_heads=4)
    backbone = {
        "vit": dict(type="SkeletonViT", t_patch=4, clip_len=args.window, mlp_ratio=2.0, **size),
        "dstformer": dict(type="DSTformer", rep_dim=args.dim, max_len=args.window, **size),
        "stgcn": dict(
            type="STGCN",
            layout=layout,
            in_channels=channels,
            width=None,
            out_channels=None,
            channels=[32, 48, 96],
            strides=[2, 2, 1],
            temporal_kernel=5,
            dropout=0.0,
        ),
    }[args.backbone]
    if args.backbone == "stgcn" or normal:
        backbone["init"] = "normal" if normal else "torch"
    mining = {"off": {}, "published": dict(mining_epoch=args.start), "safe": {}}[args.mining]
    if args.mining == "safe":
        mining = dict(mining={"start_epoch": args.start, **args.options})
    model = AimCLR(
        dict(
            type="Encoder",
            backbone=backbone,
            projector=dict(type="MLPProjector", out_channels=64, num_layers=2 if mlp else 1),
        ),
        queue_size=args.queue,
        momentum=0.99,
        temperature=setting["temperature"],
        d3m_weight=setting["d3m"],
        **mining,
    )
    model.init_weights()
    if normal:
        for part in model.encoder.modules():
            if isinstance(part, nn.Linear):
                nn.init.normal_(part.weight, std=0.02)
                nn.init.zeros_(part.bias)
        model.key_encoder.follow_init(model.encoder)
    return preprocessor, model


class Study:
    """The data, and what is measured on it."""

    def __init__(self, args: argparse.Namespace) -> None:
        options = {"data_root": args.data_root} if args.data == "ucla" else {}
        config = load(CONFIGS / f"aimclr_stgcn_{'ucla_xview' if args.data == 'ucla' else 'synthetic'}.py")
        for loader in (config.train_dataloader, config.val_dataloader):
            loader.dataset.source.update(options or dict(num_clips=(1024, 512)))
        self.inputs, self.labels, _ = clips(config.train_dataloader.dataset)
        self.probe_inputs, self.probe_labels, self.bank = clips(config.val_dataloader.dataset)
        torch.manual_seed(args.seed)
        self.preprocessor, self.model = build(args, config)
        self.owner = torch.full((args.queue,), -1)  # whose key each queue entry is
        self.order = torch.Generator().manual_seed(args.seed)

    def views(self, index: Tensor) -> dict:
        """Training views of some clips."""
        batch = {name: x[index] for name, x in self.inputs.items()}
        return self.preprocessor({"inputs": batch, "data_samples": None}, True)["inputs"]

    def enqueued(self, index: Tensor) -> None:
        """Follows the queue's pointer."""
        end = int(self.model.queue.pointer)
        self.owner[torch.arange(end - len(index), end) % len(self.owner)] = index

    @torch.no_grad()
    def features(self, linear: bool = False) -> dict[str, float]:
        """KNN on standardized and on plain features, their deviation and effective rank, and the rank of the queue.

        ``linear`` adds the report's kind of probe: SGD at rate 1e-3 in batches of 8 on features as they are.
        """
        model, found = copy.deepcopy(self.model).eval(), []
        for start in range(0, len(self.probe_labels), 256):
            batch = {name: x[start : start + 256] for name, x in self.probe_inputs.items()}
            found.append(model.extract_feat(self.preprocessor({"inputs": batch, "data_samples": None})["inputs"]))
        x, y, bank = torch.cat(found), self.probe_labels, self.bank
        knn = [
            100 * topk_accuracy(knn_classify(x[bank], y[bank], x[~bank], int(y.max()) + 1, standardize=s), y[~bank])
            for s in (True, False)
        ]
        result = dict(knn=knn[0], knn_plain=knn[1], std=feature_std(x), rank=effective_rank(x))
        if linear:
            data = (x[bank], y[bank], x[~bank], y[~bank])
            probe = LinearProbe(epochs=100, lr=1e-3, batch_size=8).fit(*data, int(y.max()) + 1)
            result["linear"] = 100 * float(probe.accuracy[-1])
        return {**result, "key_rank": effective_rank(model.queue.keys.T)}

    @torch.no_grad()
    def neighbors(self, batch: int) -> dict[str, float]:
        """The nearest entries of 256 clips: whose they are, how many, and who agrees on them."""
        model = copy.deepcopy(self.model)
        rows = []
        for index in torch.randperm(len(self.labels), generator=torch.Generator().manual_seed(0))[:256].split(batch):
            batch_views = self.views(index)
            self.preprocessor.step -= 1  # a look must not change what training sees
            encoders = dict(query=model.encoder, extreme=model.encoder, key=model.key_encoder)
            z = {name: F.normalize(encoder(batch_views[name]), dim=1) for name, encoder in encoders.items()}
            queue = model.queue.keys
            top = {name: (x @ queue).argmax(1) for name, x in z.items()}
            entries = self.owner[top["query"]]
            same = (self.labels[entries] == self.labels[index]) & (entries >= 0)
            agree = top["query"] == top["key"]
            named = {
                name: neighborhood(F.one_hot(i, queue.shape[1]).float(), 1).sum(0).float() for name, i in top.items()
            }
            cosine = z["query"] @ z["query"].T
            n = torch.tensor(float(len(index)))
            kappa = {
                name: agreement_beyond_chance((top["query"] == top[name]).sum(), named["query"], named[name], n)
                for name in ("key", "extreme")
            }
            rows.append(
                torch.stack(
                    [
                        (cosine.sum() - n) / (n * (n - 1)),
                        named["query"].max() / n,
                        same.float().mean(),
                        same[agree].float().mean(),
                        (entries == index).float().mean(),
                        kappa["key"],
                        kappa["extreme"],
                    ]
                )
            )
        names = ["cos", "hub", "purity", "purity_agreed", "own", "kappa_key", "kappa_extreme"]
        return dict(zip(names, torch.stack(rows).nanmean(0).tolist()))


def main() -> None:
    args = parse_args()
    torch.set_num_threads(1)
    init_default_scope("mmsync")
    study, setting = Study(args), SETTINGS[args.setting]
    model, batch = study.model, setting["batch"]
    steps = len(study.labels) // batch
    parameters, lr = [p for p in model.parameters() if p.requires_grad], args.lr or setting["lr"]
    if setting["optimizer"] == "sgd":
        optimizer: torch.optim.Optimizer = torch.optim.SGD(
            parameters, lr, momentum=0.9, weight_decay=setting["weight_decay"]
        )
        rate = lambda step: 1.0  # noqa: E731
    else:
        optimizer = torch.optim.AdamW(parameters, lr, weight_decay=setting["weight_decay"])
        total = args.epochs * steps
        rate = lambda step: min((step + 1) / (0.1 * total), 1) * 0.5 * (1 + math.cos(math.pi * step / total))  # noqa: E731
    schedule, began = torch.optim.lr_scheduler.LambdaLR(optimizer, rate), time.time()
    print(json.dumps({**vars(args), "chance": 100 / (int(study.labels.max()) + 1), "before": study.features()}))
    log: dict[str, list[float]] = {}
    for epoch in range(args.epochs):
        model.set_epoch(epoch)
        order = torch.randperm(len(study.labels), generator=study.order)
        for index in order[: steps * batch].split(batch):
            losses = model.loss(study.views(index))
            study.enqueued(index)
            total_loss = torch.stack([value for name, value in losses.items() if "loss" in name]).sum()
            optimizer.zero_grad()
            total_loss.backward()
            optimizer.step()
            schedule.step()
            for name in ("pos_sim", "neg_sim", "mining_on", "agreement", "crowding", "hub_share", "mined", "positives"):
                if name in losses:
                    log.setdefault(name, []).append(float(losses[name].detach()))
        if (epoch + 1) % args.every == 0 or epoch + 1 == args.epochs:
            line = {
                **study.features(linear=epoch + 1 == args.epochs),
                **study.neighbors(batch),
                **{k: sum(v) / len(v) for k, v in log.items()},
            }
            print(
                f"epoch {epoch + 1:3d} {time.time() - began:4.0f}s "
                + " ".join(f"{k} {v:.3g}" for k, v in line.items()),
                flush=True,
            )
            log.clear()


if __name__ == "__main__":
    main()
