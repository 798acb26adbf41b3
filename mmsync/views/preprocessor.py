"""The base of the data preprocessors: named views of a batch, drawn by a generator of (seed, step, rank)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Optional, Union

import numpy as np
import torch
from mmengine.dist import get_rank
from mmengine.model import BaseDataPreprocessor
from torch import Generator, Tensor

from mmsync.errors import ConfigError, DataError, unwritten
from mmsync.registry import TRANSFORMS
from mmsync.structures import View
from mmsync.views.augmentation import AugmentationSequence, BatchAugmentation, wrong_augmentation

Inputs = Union[Tensor, View]
Views = Mapping[str, Sequence[Mapping[str, Any]]]


class ViewPreprocessor(BaseDataPreprocessor):
    """Base of what makes views of a batch ``(N, ...)``. A subclass sets ``modality`` and writes :meth:`prepare`.

    ``seed`` and ``step`` are buffers, so that a resumed run draws what the uninterrupted one did.
    """

    seed: Tensor
    step: Tensor
    modality: ClassVar[str] = ""
    input_arguments: ClassVar[tuple[str, ...]] = ()  # that shape views of evaluation; checkpoints are compared by them
    sequence: ClassVar[type[AugmentationSequence]] = AugmentationSequence
    feature_views: Sequence[str] = ("clip",)
    """Names of the views of evaluation; the model sets them to its ``views_for_features``."""

    def __init__(self, views: Optional[Views] = None, seed: Optional[int] = None, non_blocking: bool = False) -> None:
        super().__init__(non_blocking)
        self.register_buffer("seed", torch.tensor(torch.initial_seed() % 2**31 if seed is None else seed))
        self.register_buffer("step", torch.tensor(0))
        self.views = {name: self.build_list(f"views.{name}", transforms) for name, transforms in (views or {}).items()}

    def prepare(self, inputs: Inputs, samples: Sequence[Any]) -> View:
        """Check a batch, a view or its data alone, and move it to the training device; ``samples`` name bad ones."""
        raise unwritten(self, "prepare(inputs, samples)")

    def to_view(self, inputs: Inputs) -> View:
        """What :meth:`prepare` makes of good data on the device, without reading values; an export traces it."""
        return self.prepare(inputs, ())

    def for_evaluation(self, view: View) -> View:
        """The view of evaluation before :meth:`finish`; nothing in it is random."""
        return view

    def finish(self, view: View) -> View:
        """Finish a view after augmentation."""
        return view

    def training_views(self, view: View, generator: Generator) -> dict[str, View]:
        """The augmented views of a prepared batch, by name."""
        return {name: self.finish(augmentation(view, generator)) for name, augmentation in self.views.items()}

    def forward(self, data: Mapping[str, Any], training: bool = False) -> dict[str, Any]:
        """Make the views of a batch, by name; in evaluation those of ``feature_views``. Training counts a step."""
        # The samples stay where they are: copying a hundred of them costs more than the views do.
        view = self.prepare(sole_input(data["inputs"]), data.get("data_samples") or ())
        with torch.autocast(view.data.device.type, enabled=False):  # data stay float32 in mixed precision
            if training and self.views:
                return {**data, "inputs": self.training_views(view, self.next_generator(view.data.device))}
            return {**data, "inputs": dict.fromkeys(self.feature_views, self.finish(self.for_evaluation(view)))}

    def next_generator(self, device: torch.device) -> Generator:
        """The generator of this step; counts the step."""
        key = np.random.SeedSequence((int(self.seed), int(self.step), get_rank())).generate_state(1, np.uint64)
        self.step += 1
        return Generator(device).manual_seed(int(key[0]) >> 1)

    def build_list(self, path: str, transforms: Any) -> AugmentationSequence:
        """The list of augmentations of an argument at ``path``, or a ConfigError."""
        where = f"{type(self).__name__}: {path}"
        problem = self.wrong_form(transforms)
        if problem:
            raise ConfigError(f"{where}: {problem}")
        parts = []
        for i, config in enumerate(transforms):
            try:
                part = config if isinstance(config, BatchAugmentation) else TRANSFORMS.build(dict(config))
            except ConfigError as error:
                raise ConfigError(f"{where}.{i}: {error}") from error
            problem = wrong_augmentation(type(part), getattr(part, "modality", None), self.modality)
            if problem:
                raise ConfigError(f"{where}.{i}: {problem}")
            parts.append(part)
        view = self.sequence(parts)
        view.modality = view.modality or self.modality
        return view

    @classmethod
    def wrong_form(cls, transforms: Any) -> Optional[str]:
        """The problem of a view's value as a whole; ``None`` for a list."""
        if isinstance(transforms, (list, tuple)):
            return None
        return f"is {transforms!r}; give a list of augmentations, [dict(type=...), ...]"

    @classmethod
    def check_config(cls, cfg: Mapping[str, Any], path: str) -> Iterable[str]:
        """Views that are not lists, and transforms of other modalities; the signature does not show them."""
        views = cfg.get("views")
        for name, transforms in views.items() if isinstance(views, Mapping) else ():
            yield from cls.check_list(transforms, f"{path}.views.{name}")

    @classmethod
    def check_list(cls, transforms: Any, path: str) -> Iterable[str]:
        """The problems of one list of augmentations."""
        problem = cls.wrong_form(transforms)
        if problem:
            yield f"{path}: {problem}"
            return
        for i, config in enumerate(transforms):
            kind = config.get("type") if isinstance(config, Mapping) else None
            kind = TRANSFORMS.find(kind) if isinstance(kind, str) else kind
            problem = kind and wrong_augmentation(kind, getattr(kind, "modality", None), cls.modality)
            if problem:
                yield f"{path}.{i}: {problem}"


def sole_input(inputs: Union[Inputs, Mapping[str, Inputs]]) -> Inputs:
    """The only input of a batch, or a DataError."""
    if not isinstance(inputs, Mapping):
        return inputs
    if len(inputs) != 1:
        raise DataError(f"the batch has several inputs, {', '.join(inputs)}; use ComposedPreprocessor")
    return next(iter(inputs.values()))


def check_finite(x: Tensor, samples: Sequence[Any]) -> None:
    """Raise a DataError that names the samples of a batch ``(N, ...)`` with NaN or infinity."""
    # One sum over the batch: it is finite unless a value is not, or the values overflow it.
    if torch.isfinite(x.sum()):
        return
    bad = (~torch.isfinite(x)).flatten(1).any(dim=1).nonzero().flatten().tolist()
    if bad:
        names = [str(getattr(samples[i], "name", None) or _number(i)) if samples else _number(i) for i in bad]
        raise DataError(
            f"NaN or infinity in {len(bad)} of {len(x)} clips: {', '.join(names[:20])}"
            f"{', ...' if len(names) > 20 else ''}. Find all such clips with mmsync check_data, and "
            "repair them or leave them out"
        )


def _number(i: int) -> str:
    return f"number {i} of the batch"
