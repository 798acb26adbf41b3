"""Data preprocessors of several modalities, composed under one generator."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Optional, cast

import torch

from mmsync.errors import ConfigError, DataError, did_you_mean, nearest
from mmsync.registry import MODELS
from mmsync.structures import View
from mmsync.views.preprocessor import ViewPreprocessor


@MODELS.register_module()
class ComposedPreprocessor(ViewPreprocessor):
    """Make the views of several modalities, each part of its own input ``(N, ...)``; one generator serves all parts.

    Args:
        parts: Input name -> config of the data preprocessor that makes views of it. In training the views of all parts
            come in one dict; a part without ``views`` gives its view of evaluation under its own name. In evaluation
            the part that is named like a feature view, or has a view of that name, makes it.
        seed: Seed of the augmentations, which are a function of (seed, step, rank). ``None`` takes the run's seed.
        non_blocking: Copy to the device without waiting, where the memory is pinned.

    Raises:
        ConfigError: A part is not a data preprocessor of one input, or two parts have a view of the same name.
    """

    def __init__(
        self, parts: Mapping[str, Mapping[str, Any]], seed: Optional[int] = None, non_blocking: bool = False
    ) -> None:
        super().__init__(None, seed, non_blocking)
        self.parts = torch.nn.ModuleDict()
        owners: dict[str, str] = {}
        for name, config in parts.items():
            part = MODELS.build(dict(config))
            if not isinstance(part, ViewPreprocessor) or isinstance(part, ComposedPreprocessor):
                raise ConfigError(f"parts.{name}: {type(part).__name__} is not a data preprocessor of one input")
            del part.seed, part.step  # one generator for all
            for view in part.views or (name,):
                if view in owners:
                    raise ConfigError(f"ComposedPreprocessor: parts {owners[view]} and {name} both make view {view!r}")
                owners[view] = name
            self.parts[name] = part
        self.owners = {**owners, **{name: name for name in parts}}
        """Which part makes a view of evaluation, by the name of the view."""
        self.feature_views = tuple(parts)

    def forward(self, data: Mapping[str, Any], training: bool = False) -> dict[str, Any]:
        """Make the views of all parts, each from the input of its name; a DataError or ConfigError without it."""
        inputs, samples = data["inputs"], data.get("data_samples") or ()
        wanted = list(self.parts) if training else list(dict.fromkeys(map(self._owner, self.feature_views)))
        missing = [name for name in wanted if not isinstance(inputs, Mapping) or name not in inputs]
        if missing:
            given = ", ".join(inputs) if isinstance(inputs, Mapping) else "a single one"
            raise DataError(f"the batch has no input {missing[0]!r} for the part of that name; its inputs are {given}")
        parts = {name: cast(ViewPreprocessor, self.parts[name]) for name in wanted}
        prepared: dict[str, View] = {}
        for name, part in parts.items():
            part._device = self._device  # a model sets it for all; `to` of this module only for itself
            prepared[name] = part.prepare(inputs[name], samples)
        device = next(iter(prepared.values())).data.device
        with torch.autocast(device.type, enabled=False):
            fixed = {
                name: part.finish(part.for_evaluation(prepared[name]))
                for name, part in parts.items()
                if not (training and part.views)
            }
            if not training:
                return {**data, "inputs": {view: fixed[self._owner(view)] for view in self.feature_views}}
            generator, views = self.next_generator(device), dict(fixed)
            for name, part in parts.items():
                views.update(part.training_views(prepared[name], generator))
        return {**data, "inputs": views}

    def _owner(self, view: str) -> str:
        if view not in self.owners:
            hint = did_you_mean(nearest(view, self.owners))
            raise ConfigError(
                f"the model asks for view {view!r}, which no part makes{hint}; there are {', '.join(self.owners)}"
            )
        return self.owners[view]

    @classmethod
    def check_config(cls, cfg: Mapping[str, Any], path: str) -> Iterable[str]:
        """Views of the same name in two parts."""
        owners: dict[str, str] = {}
        parts = cfg.get("parts")
        for name, part in parts.items() if isinstance(parts, Mapping) else ():
            for view in (part.get("views") if isinstance(part, Mapping) else None) or (name,):
                if owners.setdefault(view, name) != name:
                    yield f"{path}.parts.{name}: part {owners[view]} makes the view {view!r} too"
