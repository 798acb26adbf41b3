"""Augmentations of batches, of any modality: parameters are drawn for each sample, and applied in a second step.

``draw`` makes the parameters of every sample, ``maps`` says what to do with them, ``run`` does it. A recorded ``draw``
can be applied again. A list of augmentations is an :class:`AugmentationSequence`: it draws everything first and then
runs the maps of all its parts together, so that a modality can fuse them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any, Optional, Union

import torch
from torch import Generator, Tensor

from mmsync.errors import ConfigError
from mmsync.registry import TRANSFORMS
from mmsync.structures import View

Draws = dict[str, Tensor]


class BatchAugmentation:
    """Base of the augmentations of a batch ``(N, ...)``. A subclass sets ``modality``, ``parameters`` and ``maps``.

    Args:
        prob: Probability in [0, 1] that a sample is augmented, drawn for each sample on its own.

    Raises:
        ConfigError: An argument is out of its range.
    """

    modality: str = ""
    """Modality of the views that it augments, as in ``Backbone.modality``."""

    def __init__(self, prob: float = 1.0) -> None:
        self.prob = in_range(self, "prob", prob, 0, 1)

    def bind(self, *args: Any, **kwargs: Any) -> BatchAugmentation:
        """Set what only the data preprocessor knows of the data, and return the augmentation."""
        return self

    def draw(self, x: Tensor, generator: Generator) -> Draws:
        """Draw :meth:`parameters` and, with ``prob`` below 1, ``apply (N,)`` bool: which samples are augmented."""
        return {**self._decide(x, generator), **self.parameters(x, generator)}

    def parameters(self, x: Tensor, generator: Generator) -> Draws:
        """Draw the parameters of every sample, tensors ``(N, ...)`` by name, for data shaped as ``x (N, ...)``."""
        return {}

    def maps(self, x: Tensor, draws: Draws) -> list[Any]:
        """The operations of the drawn parameters, in the form that :meth:`run` takes."""
        raise NotImplementedError

    def run(self, view: View, maps: Sequence[Any]) -> View:
        """Run maps in their order, here functions from view to view; a modality that fuses its maps overrides this."""
        for step in maps:
            view = step(view)
        return view

    def out_like(self, x: Tensor) -> Tensor:
        """A tensor, without memory of its own where possible, of the shape that data ``x`` have afterwards."""
        return x

    def apply(self, view: View, draws: Draws) -> View:
        """Augment a view, which is not changed, with given parameters; ``valid`` and ``index`` follow the frames."""
        return self.run(view, self.maps(view.data, draws))

    def __call__(self, view: View, generator: Generator) -> View:
        """Augment a view with freshly drawn parameters."""
        return self.apply(view, self.draw(view.data, generator))

    def _decide(self, x: Tensor, generator: Generator) -> Draws:
        if self.prob == 1:
            return {}
        return {"apply": torch.rand(len(x), generator=generator, device=x.device) < self.prob}


def wrong_augmentation(kind: Any, modality: Optional[str], wanted: str) -> Optional[str]:
    """Why an augmentation of a modality, ``None`` for what is none, cannot be used on ``wanted`` data, or ``None``."""
    name = getattr(kind, "__name__", str(kind))
    if modality is None:
        return (
            f"{name} is not a batched augmentation and cannot be part of a view; transforms of single samples "
            "belong in the pipeline of the data set"
        )
    if modality in ("", wanted):
        return None
    own = sorted(k for k, v in TRANSFORMS.module_dict.items() if getattr(v, "modality", None) == wanted)
    advice = f"; use one of {', '.join(own)}" if own else ""
    return f"{name} augments {modality} data, but this is a view of {wanted} data{advice}"


def in_range(
    owner: object, name: str, value: float, low: float = 0, high: float = math.inf, above: bool = False
) -> float:
    """A finite number in [low, high], or with ``above`` in (low, high], that is an argument; else a ConfigError."""
    if _is_in(value, low, high, above):
        return value
    raise ConfigError(f"{type(owner).__name__}: {name}={value!r}; give a number {_words(low, high, above)}")


def interval(
    owner: object,
    name: str,
    value: Union[float, Sequence[float]],
    low: float = 0,
    high: float = math.inf,
    above: bool = False,
) -> tuple[float, float]:
    """The range (a, b) of a uniform draw, a <= b, both as :func:`in_range` has them; a number c is the range (c, c)."""
    pair = tuple(value) if isinstance(value, (list, tuple)) else (value, value)
    if len(pair) == 2 and all(_is_in(end, low, high, above) for end in pair) and pair[0] <= pair[1]:
        return pair
    words = f"{_words(low, high, above)}, low <= high"
    raise ConfigError(f"{type(owner).__name__}: {name}={value!r}; give two numbers (low, high) {words}")


def whole(owner: object, name: str, value: int, low: int = 1) -> int:
    """The value of an argument, a whole number of at least ``low``; else a ConfigError."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= low:
        return value
    raise ConfigError(f"{type(owner).__name__}: {name}={value!r}; give a whole number of at least {low}")


def _is_in(value: Any, low: float, high: float, above: bool) -> bool:
    if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
        return False
    return (low < value if above else low <= value) and value <= high


def _words(low: float, high: float, above: bool) -> str:
    if high == math.inf:
        return f"above {low:g}" if above else f"of at least {low:g}"
    return f"in {'(' if above else '['}{low:g}, {high:g}]"


def uniform(x: Tensor, low: float, high: float, shape: Sequence[int], generator: Generator) -> Tensor:
    """Numbers in [low, high), ``(N, *shape)``, of the dtype and on the device of ``x (N, ...)``."""
    return torch.rand((len(x), *shape), generator=generator, device=x.device, dtype=x.dtype) * (high - low) + low


def where_applied(draws: Draws, value: Tensor, otherwise: Union[Tensor, float]) -> Tensor:
    """``value (N, ...)`` for the samples that are augmented, ``otherwise`` for the rest."""
    apply = draws.get("apply")
    return value if apply is None else torch.where(apply.view(-1, *[1] * (value.dim() - 1)), value, otherwise)


@TRANSFORMS.register_module()
class AugmentationSequence(BatchAugmentation):
    """Augmentations of a batch ``(N, ...)`` of one modality, one after the other, their maps fused.

    All parameters are drawn before the first map runs; the draws of the i-th augmentation are called ``'i.name'``.

    Args:
        transforms: Configs of augmentations, or augmentations.

    Raises:
        ConfigError: A transform of single samples, or augmentations of different modalities.
    """

    def __init__(self, transforms: Sequence[Union[Mapping, BatchAugmentation]]) -> None:
        super().__init__()
        self.transforms: list[BatchAugmentation] = [
            t if isinstance(t, BatchAugmentation) else TRANSFORMS.build(dict(t)) for t in transforms
        ]
        for t in self.transforms:
            if not isinstance(t, BatchAugmentation):
                raise ConfigError(
                    f"{type(t).__name__} is a transform of single samples; use it in a data set's pipeline"
                )
        modalities = list(dict.fromkeys(t.modality for t in self.transforms if t.modality))
        if len(modalities) > 1:
            raise ConfigError(f"augmentations of {' and '.join(modalities)} in one list: a view has one modality")
        self.modality = modalities[0] if modalities else ""

    def bind(self, *args: Any, **kwargs: Any) -> AugmentationSequence:
        for t in self.transforms:
            t.bind(*args, **kwargs)
        return self

    def draw(self, x: Tensor, generator: Generator) -> Draws:
        draws: Draws = {}
        for i, t in enumerate(self.transforms):
            draws.update({f"{i}.{name}": value for name, value in t.draw(x, generator).items()})
            x = t.out_like(x)
        return draws

    def maps(self, x: Tensor, draws: Draws) -> list[Any]:
        parts: list[Draws] = [{} for _ in self.transforms]
        for key, value in draws.items():
            i, name = key.split(".", 1)
            parts[int(i)][name] = value
        maps: list[Any] = []
        for t, part in zip(self.transforms, parts):
            maps += t.maps(x, part)
            x = t.out_like(x)
        return maps

    def run(self, view: View, maps: Sequence[Any]) -> View:
        first = next((t for t in self.transforms if t.modality), None)
        return super().run(view, maps) if first is None else first.run(view, maps)

    def out_like(self, x: Tensor) -> Tensor:
        for t in self.transforms:
            x = t.out_like(x)
        return x
