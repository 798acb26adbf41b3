"""Runs a protocol that trains the encoder."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.config import Config

from mmsync.apis.cli import build_runner
from mmsync.fileio import atomic_path
from mmsync.protocols.probing import Outcome
from mmsync.protocols.tables import read_json, write_json
from mmsync.registry import DATASETS


def finetune(
    cfg: Config, checkpoint: str, seed: int, folder: Path, fingerprint: str, force: bool = False, trust: bool = False
) -> Outcome:
    """Train and evaluate; a run of the same fingerprint that was interrupted is resumed.

    Args:
        cfg: The config, as :func:`~mmsync.protocols.overlay.lay_over` gives it; changed.
        checkpoint: File of the pretraining.
        seed: Of the run and of the labelled subset.
        folder: The work dir.
        fingerprint: Of everything that the result depends on.
        force: Start again.
        trust: Let the checkpoint run code while it loads.
    """
    data = cfg.train_dataloader.dataset
    if data.get("subset") is not None:
        data.subset.seed = seed
    train, val = (_dataset(cfg[key].dataset) for key in ("train_dataloader", "val_dataloader"))
    if data.get("subset") is not None:
        with atomic_path(folder / "labelled.txt") as temporary:
            temporary.write_text("\n".join(train.names) + "\n", encoding="utf-8")
    if cfg.model.head.get("num_classes") is None:
        cfg.model.head.num_classes = max(d.metainfo["num_classes"] for d in (train, val))
    fit_batch(cfg.train_dataloader, len(train))
    cfg.randomness = {**(cfg.get("randomness") or {}), "seed": seed}
    cfg.work_dir, cfg.load_from = str(folder), checkpoint
    started = folder / "started.json"
    if not force and read_json(started, "") == fingerprint:
        if (folder / "last_checkpoint").is_file():
            cfg.load_from, cfg.resume = None, True
    else:
        (folder / "last_checkpoint").unlink(missing_ok=True)
    write_json(started, fingerprint)
    runner = build_runner(cfg, trust)
    runner.train()
    (metric,) = runner.val_loop.evaluator.metrics
    if metric.scores is None:  # a run that was killed after its last epoch
        runner.val_loop.run()
    metrics = {}
    for name, buffer in runner.message_hub.log_scalars.items():
        if name.startswith("val/accuracy/"):
            history = np.asarray(buffer.data[0], dtype=float)
            metrics[name[4:]] = float(history[-1])
            metrics[f"{name[4:]}_best"] = float(history.max())
    return Outcome(metrics, metric.scores, {}, val.metainfo.get("classes"))


def fit_batch(loader: Any, size: int) -> None:
    """Let a training loader use all of a small set: a batch no larger than it, and no last batch of one clip.

    Args:
        loader: Config of the loader; changed.
        size: Clips of its data set.
    """
    loader.batch_size = min(loader.batch_size, size)
    loader.drop_last = size % loader.batch_size == 1 and size > 1  # one clip has no batch statistics


def _dataset(cfg: Mapping[str, Any]) -> Any:
    """The data set without its packed clips, for names and counts."""
    return DATASETS.build({**copy.deepcopy(dict(cfg)), **({"cache": False} if "cache" in cfg else {})})
