"""Floors of an evaluation: what probes find in the coordinates themselves, and in encoders before training."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Optional

import torch
from torch import Tensor

from mmsync.datasets import SkeletonDataset
from mmsync.datasets.transforms import AlignView, CenterOnJoint, ResizeClip, ScaleAxes, ScaleToBody
from mmsync.evaluation.functional import leave_one_out
from mmsync.registry import MODELS
from mmsync.structures import FeatureTable, SkeletonLayout

FRAMES = 32
"""Frames T that clips are resampled to."""


@dataclass(frozen=True)
class Preparation:
    """How clips ``(M, T', V, C)`` become vectors ``(M * T * V * C,)``, or twice as long ones."""

    center: Literal["each", "first"]  # each frame is centered, or the clip by its first frame
    turned: bool  # to face one direction, once for the clip
    velocities: bool  # beside the coordinates, as large as they are on average
    scaled: bool  # by the size of the body, once for the clip
    from_mean: bool  # differences to the mean of the bank; without it the cosine does not see the scale

    def __str__(self) -> str:
        parts = {"turned": self.turned, "with velocities": self.velocities, "scaled": self.scaled}
        parts["less the mean"] = self.from_mean
        return ", ".join([f"{self.center} frame centered", *(name for name, on in parts.items() if on)])


def raw_floor(dataset: SkeletonDataset) -> tuple[FeatureTable, Preparation, dict[str, float]]:
    """Raw coordinates of the clips of a data set of roles, by the best of a few preparations.

    It is chosen by the accuracy of the cosine's nearest neighbor on the bank, each clip left out in turn with those of
    its performer, where performers are known; queries have no part in it.

    Returns:
        The columns ``feature``, ``label``, ``role``, ``name``, ``index`` and, where it is known, ``subject``; the
        preparation; and the accuracy of each one in percent.
    """
    named = {key: index for index, key in enumerate(zip(dataset.roles, dataset.names))}
    samples = (dataset.sample(index)["data_samples"] for index in range(len(dataset)))
    served = [named[sample.role, sample.name] for sample in samples]  # with replacements of bad clips, as encoders get
    labels = torch.from_numpy(dataset.labels[served])
    bank = torch.tensor([role == "bank" for role in dataset.roles]) & (labels >= 0)
    who = dataset.column("subject")[served] if "subject" in dataset.source.attributes else None
    found: dict[str, float] = {}
    for preparation, candidate in _candidates(dataset, served, bank):
        accuracy = 100 * leave_one_out(candidate[bank], labels[bank], None if who is None else who[bank.numpy()])
        if accuracy > max(found.values(), default=-1.0):
            best, features = preparation, candidate
        found[str(preparation)] = accuracy
    columns: dict[str, Any] = dict(feature=features, label=labels, role=dataset.roles)
    columns["name"] = [dataset.names[index] for index in served]
    columns["index"] = torch.arange(len(dataset))
    if who is not None:
        columns["subject"] = who.tolist()
    return FeatureTable(columns), best, found


def _candidates(dataset: SkeletonDataset, served: list[int], bank: Tensor) -> Iterator[tuple[Preparation, Tensor]]:
    """Each preparation with the features ``(N, D)`` of the samples ``served``."""
    raw = dataset.raw(served[0])
    line = _line(raw["layout"]) if raw["num_coords"] == 3 else None
    centers: list[Literal["each", "first"]] = ["each", "first"]
    for center, turned, scaled in itertools.product(centers, (False, True) if line else (False,), (False, True)):
        steps: list[Any] = [step for step in dataset.pipeline if isinstance(step, ScaleAxes)]  # their units
        steps += [ScaleToBody()] if scaled else []
        steps += [CenterOnJoint(frame=center, person="first"), *([AlignView(line)] if line and turned else [])]
        steps += [ResizeClip(FRAMES), dataset.pipeline[-1]]  # that packs as many persons as for encoders
        clips = torch.stack([_vectors(dataset.raw(index), steps) for index in served])
        moves = clips.diff(dim=1)
        moves *= clips[bank].norm() / moves[bank].norm().clamp_min(1e-12)
        for velocities, from_mean in itertools.product((False, True), (True,) if scaled else (False, True)):
            x = torch.cat([clips, moves], 1) if velocities else clips
            x = x - x[bank].mean(0) if from_mean else x
            yield Preparation(center, turned, velocities, scaled, from_mean), x.flatten(1)


def _vectors(results: dict[str, Any], steps: list[Any]) -> Tensor:
    """A clip as ``(T, M * V * C)``, without scores."""
    results["keypoint"] = results["keypoint"][..., : results["num_coords"]]
    for step in steps:
        results = step(results)
    return results["inputs"]["skeleton"].data.transpose(0, 1).flatten(1)


def _line(layout: SkeletonLayout) -> Any:
    """Joints of the left and right side that show where a body faces; ``None`` if the layout has neither."""
    pairs = (("left_hip", "right_hip"), ("left_shoulder", "right_shoulder"))
    return next((pair for pair in pairs if set(pair) <= set(layout.joints)), None)


def start_of(cfg: Mapping[str, Any]) -> tuple[dict[str, Any], Optional[tuple[str, dict[str, Any], Optional[str]]]]:
    """The config of the untrained encoders alone; row, config and weights of the model that it builds on."""
    plain, alone = copy.deepcopy(dict(cfg)), copy.deepcopy(dict(cfg))
    given = []
    for name in getattr(MODELS.get(cfg["model"]["type"]), "encoders", ("encoder",)):
        part = plain["model"].get(name) or {}
        part.pop("whitening", None)  # training fits it
        frozen = part.pop("frozen", None)
        if frozen is not None:
            alone["model"][name] = frozen
            given.append(Path((frozen.get("init_cfg") or {}).get("checkpoint", "frozen")).stem)
    if given:
        return plain, (" and ".join(dict.fromkeys(given)), alone, None)
    weights = cfg.get("load_from")
    return plain, (Path(weights).stem, plain, weights) if weights else None
