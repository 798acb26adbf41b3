"""The check of augmentations."""

from __future__ import annotations

from typing import Any, Optional

import torch

from mmsync.registry import TRANSFORMS
from mmsync.structures import FRAME_AXIS, SkeletonLayout, View
from mmsync.testing.examples import example_view
from mmsync.testing.parts import Component, maker, name_of, require
from mmsync.views import AugmentationSequence, BatchAugmentation

_CHAIN = SkeletonLayout("chain3", ("a", "b", "c"), (0, 0, 1), left=(1,), right=(2,))
BOUND = {"skeleton": ("ntu25", 3), "video": (8,), "sequence": (_CHAIN, (3, 2))}
"""What the data preprocessors tell their augmentations, for the examples of :mod:`mmsync.testing.examples`."""


def check_augmentation(component: Component, view: Optional[View] = None, zero_absent: bool = True) -> None:
    """Check an augmentation of batches ``(N, ...)``.

    It draws from the generator that it gets alone and repeats itself with it; leaves its input alone; applies a draw
    again that was recorded; keeps ``present``, and absent persons zero; gives ``valid`` and ``index`` of the frames
    that it shows; knows the shape that it makes; leaves samples alone that were not drawn; and does the same in a list.

    Args:
        component: The augmentation, its config, or a function that makes it.
        view: A batch; default: a random one of its modality.
        zero_absent: Whether absent persons of skeletons have to stay zero.

    Raises:
        ContractError: It does not.
    """
    augmentation = maker(component, TRANSFORMS)()
    name = name_of(augmentation)
    require(isinstance(augmentation, BatchAugmentation), name, "is no mmsync.views.BatchAugmentation")
    modality = augmentation.modality or "sequence"
    if view is None:
        view = example_view(modality)
        augmentation.bind(*BOUND.get(modality, ()))
    before, state = view.data.clone(), torch.get_rng_state()
    draws = augmentation.draw(view.data, _generator())
    require(isinstance(draws, dict), name, f"draw returns {type(draws).__name__}; give a dict of tensors")
    out, again = (augmentation(view, _generator()) for _ in range(2))
    text = "draws from torch's global generator; pass `generator=generator` to each random function"
    require(torch.equal(state, torch.get_rng_state()), name, text)
    require(torch.equal(view.data, before), name, "changes the data of the view that it gets; work on a copy")
    text = "gives two results for the same generator; draw everything random in `draw`, from the generator"
    require(_equal(out, again), name, text)
    _check_result(augmentation, name, modality, view, out)
    if zero_absent and modality == "skeleton" and view.present is not None and out.present is not None:
        require(not out.data[~out.present].any(), name, "absent persons are not zero afterwards; leave them out")
    replayed = augmentation.apply(view, draws)
    text = "apply with the draw of the same generator is not what calling it gives; draw nothing in `apply`"
    require(_equal(out, replayed), name, text)
    _check_list(augmentation, name, view, out)
    if "apply" in draws:
        nobody = {**draws, "apply": torch.zeros(len(view.data), dtype=torch.bool)}
        left = augmentation.run(view, augmentation.steps(view.data, nobody))
        text = "changes samples that `draws['apply']` leaves out; see mmsync.views.augmentation.where_applied"
        require(_close(left.data, view.data), name, text)


def _generator() -> torch.Generator:
    return torch.Generator().manual_seed(3)


def _check_result(augmentation: Any, name: str, modality: str, view: View, out: Any) -> None:
    require(isinstance(out, View), name, f"returns {type(out).__name__}; give a View, view._replace(data=...)")
    x, wanted = out.data, tuple(augmentation.out_like(view.data).shape)
    require(tuple(x.shape) == wanted, name, f"returns data {tuple(x.shape)}, but out_like says {wanted}")
    require(x.dtype == view.data.dtype, name, f"returns {x.dtype} for {view.data.dtype}")
    require(torch.isfinite(x).all(), name, "returns NaN or infinity for ordinary data")
    text = "drops `present`; keep it, for instance by view._replace(data=...)"
    require((out.present is None) == (view.present is None), name, text)
    axis = FRAME_AXIS.get(modality)
    for part in ("valid", "index"):
        frames, old = getattr(out, part), getattr(view, part)
        require(old is None or frames is not None, name, f"drops `{part}`; let it follow the frames")
        if frames is not None and axis is not None:
            shape = (len(x), x.shape[axis])
            text = f"returns {part} {tuple(frames.shape)} for {shape[1]} frames; let it follow the frames, (N, T)"
            require(tuple(frames.shape) == shape, name, text)
    if out.index is not None and axis is not None:
        low, high = (0, view.data.shape[axis] - 1) if view.index is None else (view.index.min(), view.index.max())
        inside = bool((out.index >= low - 1e-3).all() and (out.index <= high + 1e-3).all())
        require(inside, name, f"index names frames that the clip does not show, outside {float(low)}..{float(high)}")


def _check_list(augmentation: Any, name: str, view: View, out: View) -> None:
    """As part of a list it does what it does alone, and may be followed by itself."""
    listed = AugmentationSequence([augmentation])(view, _generator())
    require(_close(listed.data, out.data), name, "does something else in a list of augmentations than alone")
    twice = AugmentationSequence([augmentation, augmentation])(view, _generator())
    wanted = augmentation.out_like(augmentation.out_like(view.data)).shape
    require(
        twice.data.shape == wanted, name, f"twice in a list it gives {tuple(twice.data.shape)}, not {tuple(wanted)}"
    )


def _close(one: torch.Tensor, other: torch.Tensor) -> bool:
    return one.shape == other.shape and torch.allclose(one, other, atol=1e-5, rtol=1e-5)


def _equal(one: Any, other: Any) -> bool:
    if not (isinstance(one, View) and isinstance(other, View)):
        return False
    return all(a is b or (a is not None and b is not None and torch.equal(a, b)) for a, b in zip(one, other))
