"""Augmentations of batches, of any modality: parameters are drawn for each sample, and applied in a second step.

``draw`` makes the parameters of every sample, ``apply`` augments a view with them. A recorded ``draw`` can be applied
again. Instead of ``apply``, an augmentation may write ``maps``: operations that its modality runs together with those
of its neighbors in a list. A list is an :class:`AugmentationSequence`: it draws everything first, then runs in order.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Optional, Union

import torch
from torch import Generator, Tensor

from mmsync.errors import ConfigError, ContractError
from mmsync.registry import TRANSFORMS
from mmsync.structures import FRAME_AXIS, View

Draws = dict[str, Tensor]


class BatchAugmentation:
    """Base of the augmentations of a batch ``(N, ...)``: a subclass sets ``modality``, and writes

    * :meth:`parameters` (or :meth:`draw`), unless it has none, and
    * :meth:`apply`, a function of the view and the parameters; or :meth:`maps`, which its modality can fuse.

    Args:
        prob: Probability in [0, 1] that a sample is augmented, drawn for each sample on its own.

    Raises:
        ConfigError: An argument is out of its range.
    """

    modality: str = ""
    """Modality of the views that it augments, as in ``Backbone.modality``; ``''``: any."""
    fuse: Optional[Callable[[View, Sequence[Any]], View]] = None
    """``fuse(view, maps)`` runs maps that are no functions, all in one; a base class of a modality may have it."""

    def __init__(self, prob: float = 1.0) -> None:
        self.prob = in_range(self, "prob", prob, 0, 1)

    def bind(self, *args: Any, **kwargs: Any) -> BatchAugmentation:
        """Set what only the data preprocessor knows of the data, and return the augmentation."""
        return self

    def draw(self, x: Tensor, generator: Generator) -> Draws:
        """Draw :meth:`parameters` and, with ``prob`` below 1, ``apply (N,)`` bool: which samples are augmented.

        In a list, ``x`` has the shape of the data that :meth:`apply` will get, but not yet their values.
        """
        return {**self._decide(x, generator), **self.parameters(x, generator)}

    def parameters(self, x: Tensor, generator: Generator) -> Draws:
        """Draw the parameters of every sample, tensors ``(N, ...)`` by name, for data shaped as ``x (N, ...)``."""
        return {}

    def maps(self, x: Tensor, draws: Draws) -> list[Any]:
        """The operations of the drawn parameters: functions from view to view, or what :attr:`fuse` takes."""
        raise ContractError(f"{type(self).__name__} has no `apply(view, draws)` and no `maps(x, draws)`; write one")

    def out_like(self, x: Tensor) -> Tensor:
        """A tensor, without memory of its own where possible, of the shape that data ``x`` have afterwards."""
        return x

    def apply(self, view: View, draws: Draws) -> View:
        """Augment a view, which is not changed, with given parameters; ``valid`` and ``index`` follow the frames."""
        return self.run(view, self.maps(view.data, draws))

    def steps(self, x: Tensor, draws: Draws, modality: str = "") -> list[Any]:
        """Its :meth:`maps`, or its :meth:`apply` as one function, whichever the more derived class writes."""
        order = type(self).__mro__
        apply, maps = (next(i for i, cls in enumerate(order) if name in vars(cls)) for name in ("apply", "maps"))
        about = (self, draws, self.modality or modality)
        if apply < maps:
            return [_Step(partial(self.apply, draws=draws), *about, whole=True)]
        return [_Step(m, *about) if callable(m) and not isinstance(m, _Step) else m for m in self.maps(x, draws)]

    def run(self, view: View, maps: Sequence[Any]) -> View:
        """Run maps in their order: functions one by one, others in between together, by :attr:`fuse`."""
        for is_function, group in itertools.groupby(maps, callable):
            if is_function:
                for step in group:
                    view = step(view)
            elif self.fuse is None:
                require_maps(list(group), ())
            else:
                view = self.fuse(view, list(group))
        return view

    def __call__(self, view: Union[View, Tensor], generator: Optional[Generator] = None) -> Any:
        """Augment a view, or a tensor alone, with new parameters; ``None``: seeded by torch's global generator."""
        if isinstance(view, Tensor):
            return self(View(view), generator).data
        if generator is None:
            generator = Generator(view.data.device).manual_seed(int(torch.randint(2**62, ())))
        return self.run(view, self.steps(view.data, self.draw(view.data, generator)))

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
    owner: object, name: str, value: Union[float, Sequence[float]], low: float = 0, high: float = math.inf,
    above: bool = False,
) -> tuple[float, float]:  # fmt: skip
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
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return False
    return (low < value if above else low <= value) and value <= high


def _words(low: float, high: float, above: bool) -> str:
    if high == math.inf:
        return f"above {low:g}" if above else f"of at least {low:g}"
    return f"in {'(' if above else '['}{low:g}, {high:g}]"


@dataclass(frozen=True)
class _Step:
    """A function from view to view that an augmentation gives, with checks of what comes back."""

    function: Callable[[View], View]
    augmentation: BatchAugmentation
    draws: Draws
    modality: str
    whole: bool = False  # whether it is all that the augmentation does, so that out_like says its shape

    def __call__(self, view: View) -> View:
        before = None if view.data.is_inference() else view.data._version
        out = self.function(view)
        if before is not None and view.data._version != before:
            self._refuse("changes the data of the view that it gets; clone them, other views share them")
        if not isinstance(out, View):
            self._refuse(f"returns {type(out).__name__}; give a View, for instance view._replace(data=...)")
        self._check(view, out)
        return self._only_chosen(view, out)

    def _check(self, view: View, out: View) -> None:
        x, y = view.data, out.data
        wanted = self.augmentation.out_like(x).shape if self.whole else y.shape
        if y.shape != wanted:
            text = f"returns data {tuple(y.shape)}, but out_like says {tuple(wanted)}"
            self._refuse(f"{text} for {tuple(x.shape)}; write out_like for data of another shape")
        if (y.dtype, y.device) != (x.dtype, x.device):
            self._refuse(f"returns {y.dtype} on {y.device} for {x.dtype} on {x.device}; keep both")
        for name, old, new in zip(View._fields[1:], view[1:], out[1:]):
            if old is not None and new is None:
                self._refuse(f"drops view.{name}; give view._replace(data=...), with {name} as it is or changed")
        if out.present is not None and view.present is not None and out.present.shape != view.present.shape:
            self._refuse(f"returns present {tuple(out.present.shape)} for {tuple(view.present.shape)}")
        axis = FRAME_AXIS.get(self.modality)
        if axis is None:
            return
        for name, frames in (("valid", out.valid), ("index", out.index)):
            if frames is not None and frames.shape != (y.shape[0], y.shape[axis]):
                text = f"returns {name} {tuple(frames.shape)} for data {tuple(y.shape)}"
                self._refuse(f"{text}; let {name} follow the frames, (N, T)")

    def _only_chosen(self, view: View, out: View) -> View:
        """The view as it was for samples that are not to be augmented, whether or not `apply` asks ``draws``."""
        chosen = self.draws.get("apply")
        if chosen is None or out.data.shape != view.data.shape:
            return out
        parts = [
            new if new is None or old is None or new is old else where_applied(self.draws, new, old)
            for new, old in zip(out, view)
        ]
        return View._make(parts)

    def _refuse(self, problem: str) -> None:
        name = type(self.augmentation).__name__
        raise ContractError(f"{name}.apply {problem}" if self.whole else f"{name}: a function of its maps {problem}")


def require_maps(maps: Sequence[Any], known: tuple[type, ...]) -> None:
    """Raise a ContractError unless all maps are of the types that can be fused."""
    for one in maps:
        if not isinstance(one, known):
            types = f"; of this modality can be fused: {', '.join(kind.__name__ for kind in known)}" if known else ""
            what = f"maps have a {type(one).__name__}, which is no function from view to view{types}"
            raise ContractError(f"{what}; see docs/components.md, An augmentation")


def uniform(x: Tensor, low: float, high: float, shape: Sequence[int], generator: Generator) -> Tensor:
    """Numbers in [low, high), ``(N, *shape)``, of the dtype and on the device of ``x (N, ...)``."""
    return torch.rand((len(x), *shape), generator=generator, device=x.device, dtype=x.dtype) * (high - low) + low


def normal(x: Tensor, shape: Sequence[int], generator: Generator) -> Tensor:
    """Standard normal numbers ``(N, *shape)``, of the dtype and on the device of ``x (N, ...)``."""
    return torch.randn((len(x), *shape), generator=generator, device=x.device, dtype=x.dtype)


def where_applied(draws: Draws, value: Tensor, otherwise: Union[Tensor, float]) -> Tensor:
    """``value (N, ...)`` for the samples that are augmented, ``otherwise`` for the rest."""
    apply = draws.get("apply")
    return value if apply is None else torch.where(apply.view(-1, *[1] * (value.dim() - 1)), value, otherwise)


@TRANSFORMS.register_module()
class AugmentationSequence(BatchAugmentation):
    """Augmentations of a batch ``(N, ...)`` of one modality, one after the other, adjacent maps fused.

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

    @property
    def fuse(self) -> Optional[Callable[[View, Sequence[Any]], View]]:  # type: ignore[override]
        return next((t.fuse for t in self.transforms if t.fuse is not None), None)

    def draw(self, x: Tensor, generator: Generator) -> Draws:
        return self._draw_parts(x, generator, {})

    def _draw_parts(self, x: Tensor, generator: Generator, shared: Draws) -> Draws:
        draws: Draws = {}
        for i, t in enumerate(self.transforms):
            drawn = self._draw_part(t, x, generator, shared)
            if not isinstance(drawn, Mapping):
                raise ContractError(
                    f"{type(t).__name__}.draw returns {type(drawn).__name__}; give a dict of tensors (N, ...)"
                )
            draws.update({f"{i}.{name}": value for name, value in drawn.items()})
            x = t.out_like(x)
        return draws

    def _draw_part(self, part: BatchAugmentation, x: Tensor, generator: Generator, shared: Draws) -> Draws:
        return part.draw(x, generator)

    def maps(self, x: Tensor, draws: Draws) -> list[Any]:
        parts: list[Draws] = [{} for _ in self.transforms]
        for key, value in draws.items():
            i, name = key.split(".", 1)
            parts[int(i)][name] = value
        maps: list[Any] = []
        for t, part in zip(self.transforms, parts):
            maps += t.steps(x, part, self.modality)
            x = t.out_like(x)
        return maps

    def out_like(self, x: Tensor) -> Tensor:
        for t in self.transforms:
            x = t.out_like(x)
        return x


@TRANSFORMS.register_module()
class OneOf(AugmentationSequence):
    """One of several augmentations for each sample of a batch ``(N, ...)``, all equally likely.

    Args:
        transforms: Configs of augmentations that keep the shape of the data, or augmentations.

    Raises:
        ConfigError: As of :class:`AugmentationSequence`; or a list of augmentations, which is applied as a whole only.
    """

    def __init__(self, transforms: Sequence[Union[Mapping, BatchAugmentation]]) -> None:
        super().__init__(transforms)
        lists = [type(t).__name__ for t in self.transforms if isinstance(t, AugmentationSequence)]
        if lists or not self.transforms:
            raise ConfigError(f"OneOf: give single augmentations to choose from, not {lists[0] if lists else 'none'}")

    def _draw_parts(self, x: Tensor, generator: Generator, shared: Draws) -> Draws:
        choice = torch.randint(len(self.transforms), (len(x),), generator=generator, device=x.device)
        draws = super()._draw_parts(x, generator, shared)
        for i in range(len(self.transforms)):
            draws[f"{i}.apply"] = (choice == i) & draws.get(f"{i}.apply", True)
        return draws
