"""The checks of backbones, necks, heads and methods."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, Optional

import torch
from torch import Tensor, nn

from mmsync.models.methods import SelfSupervisedModel, ViewModel
from mmsync.models.necks import MeanPool
from mmsync.registry import BACKBONES, HEADS, MODELS, NECKS
from mmsync.structures import FRAME_AXIS, FeatureMap, FeatureTable, View
from mmsync.testing.examples import encoders_of, example_map, example_samples, longer, view_for
from mmsync.testing.parts import Component, maker, name_of, quiet, require, require_learning, require_round_trip, same


def check_backbone(component: Component, view: Optional[View] = None) -> None:
    """Check a backbone.

    It declares ``modality`` and ``out_channels``; gives a :class:`~mmsync.structures.FeatureMap` whose axes are as it
    says, for another number of frames as well; leaves out absent persons, or marks them; lets every parameter learn;
    is deterministic in evaluation, where a sample does not depend on the others of its batch; leaves its input alone;
    says which frames its steps show; and can be saved and loaded.

    Args:
        component: The backbone, its config, or a function that makes it.
        view: A batch; default: a random one of its modality.

    Raises:
        ContractError: It does not.
    """
    make = maker(component, BACKBONES)
    torch.manual_seed(0)
    model = make()
    name = name_of(model)
    modality: Any = getattr(model, "modality", "")
    channels: Any = getattr(model, "out_channels", None)
    require(isinstance(modality, str) and modality, name, "has no `modality`; set it, as in modality = 'skeleton'")
    require(isinstance(channels, int), name, f"out_channels is {channels!r}; set it to D, the width of the feature map")
    view = view_for(model) if view is None else view
    data = view.data.clone()
    found = model(view)
    _require_map(found, name, channels, view)
    require(torch.equal(view.data, data), name, "changes the data of the view that it gets")
    if modality in FRAME_AXIS:
        # Where T' happens to be D, a transposed map has the right shape for one length only.
        more = longer(view, modality, 8)
        _require_map(model(more), name, channels, more)
    if any(p.requires_grad for p in model.parameters()):
        (found.data * torch.randn_like(found.data)).sum().backward()
        require_learning(model, name)
    _check_persons(model, name, view, found)
    model.eval()
    out = model(view)
    require(same(out.data, model(view).data), name, "gives two results for one view in evaluation")
    alone = model(view.take(torch.arange(1)))
    text = "a sample alone has another feature map than in a batch, in evaluation"
    first = out.data[out.owner == 0]
    require(alone.data.shape == first.shape and torch.allclose(alone.data, first, atol=1e-4, rtol=1e-4), name, text)
    if modality in FRAME_AXIS:
        _check_frames(model, name, View(view.data), modality)
    require_round_trip(model, make, name)


def _require_map(found: Any, name: str, channels: int, view: View) -> None:
    require(isinstance(found, FeatureMap), name, f"returns {type(found).__name__}; give a FeatureMap")
    problem = found.problem(channels)
    require(problem is None, name, problem or "")
    n = len(view.data)
    require(found.num_samples == n, name, f"the map says {found.num_samples} samples for a batch of {n}")
    require(torch.isfinite(found.data).all(), name, "gives NaN or infinity for ordinary data")
    frames = found.frames()
    for part in ("valid", "index"):
        value, given = getattr(found, part), getattr(view, part)
        if given is not None and "T" in found.axes:
            require(value is not None, name, f"drops `{part}`; give view.after_stride(T')")
        if value is not None:
            shape = (n, frames.shape[1])
            text = f"{part} is {tuple(value.shape)}; for T' = {shape[1]} steps give {shape}, see View.after_stride"
            require(tuple(value.shape) == shape, name, text)


def _check_persons(model: nn.Module, name: str, view: View, found: FeatureMap) -> None:
    if view.present is None:
        return
    owners = view.present.nonzero()[:, 0].tolist()
    text = f"owner is {found.owner.tolist()}; of the persons present give one row each, of samples {owners}"
    require(found.owner.tolist() == owners, name, text)
    every = model(view, skip_absent=False)
    rows = view.present.numel()
    text = f"with skip_absent=False it gives {len(every.data)} rows; give {rows}, one for each place"
    require(len(every.data) == rows, name, text)
    marked = every.present is not None and torch.equal(every.present, view.present.flatten())
    require(marked, name, "with skip_absent=False, `present` has to mark the rows of absent persons")


def _check_frames(model: nn.Module, name: str, view: View, modality: str) -> None:
    """Steps show their frames in order, and as a whole the middle of the clip."""
    n, frames = len(view.data), view.data.shape[FRAME_AXIS[modality]]
    valid = torch.ones(n, frames, dtype=torch.bool)
    found = model(view._replace(index=torch.arange(float(frames)).expand(n, -1), valid=valid))
    if "T" not in found.axes:
        return
    require(found.valid is not None and bool(found.valid.all()), name, "all frames are valid, but not all its steps")
    index = found.index
    require(index is not None, name, "drops `index`; give view.after_stride(T')")
    if index is not None:
        require((index.diff() > 0).all(), name, f"its steps show frames {index[0].tolist()}, which do not rise")
        middle = float(index.mean())
        text = f"its steps show frames about {middle:.1f}, but the middle is {(frames - 1) / 2}"
        require(abs(middle - (frames - 1) / 2) <= 0.5, name, text)


def check_neck(
    component: Component, feature: Optional[Any] = None, out_shape: Optional[tuple[int, ...]] = None
) -> None:
    """Check a neck: its shape, that every parameter learns, and that it can be saved and loaded.

    Args:
        component: The neck, its config, or a function that makes it.
        feature: A feature map ``(P, ...)``, for a pooling neck, or pooled features ``(N, D)``, for a projector;
            default: an example for 8 channels, a map for a subclass of ``MeanPool``.
        out_shape: What it gives; ``None``: ``(N, D)`` with ``out_channels`` for D if it has them, else 8.

    Raises:
        ContractError: It does not keep the contract.
    """
    make = maker(component, NECKS)
    torch.manual_seed(0)
    neck = make()
    name = name_of(neck)
    if feature is None:
        feature = example_map() if isinstance(neck, MeanPool) else torch.randn(4, 8)
    n = feature.num_samples if isinstance(feature, FeatureMap) else len(feature)
    out = neck(feature)
    wanted = out_shape or (n, getattr(neck, "out_channels", 8))
    require(isinstance(out, Tensor), name, f"returns {type(out).__name__}; give a tensor")
    require(tuple(out.shape) == tuple(wanted), name, f"returns {tuple(out.shape)}; give {tuple(wanted)}")
    if any(p.requires_grad for p in neck.parameters()):
        (out * torch.randn_like(out)).sum().backward()
        require_learning(neck, name)
    require_round_trip(neck, make, name)


def check_head(component: Component, feature: Optional[FeatureMap] = None) -> None:
    """Check a head: logits ``(N, num_classes)`` of a feature map, learning, determinism, saving and loading.

    Args:
        component: The head, its config, or a function that makes it.
        feature: A feature map ``(P, ...)``; default: an example of 8 channels.

    Raises:
        ContractError: It does not keep the contract.
    """
    make = maker(component, HEADS)
    torch.manual_seed(0)
    head = make()
    name, feature, pool = name_of(head), feature or example_map(), MeanPool()
    out = head(feature, pool)
    wanted = (feature.num_samples, head.num_classes)
    require(tuple(out.shape) == wanted, name, f"returns {tuple(out.shape)}; give logits (N, num_classes), {wanted}")
    (out * torch.randn_like(out)).sum().backward()
    require_learning(head, name)
    head.eval()
    require(same(head(feature, pool), head(feature, pool)), name, "gives two results for one map in evaluation")
    require_round_trip(head, make, name)


def check_method(component: Component, views: Optional[Mapping[str, View]] = None) -> None:
    """Check a method: a model of named views with a loss.

    It has the encoders that it names; its losses are finite scalars, at least one of them named ``...loss...``, which
    reach every parameter; labels do not change them; and it predicts a feature for each sample, the same each time in
    evaluation. It can be saved and loaded. Samples have ``positive`` and ``instance``, as of data sets of pairs.

    Args:
        component: The method, its config, or a function that makes it.
        views: A batch by the names in ``views_needed``; default: random ones that the encoder of the same name takes,
            or the first one.

    Raises:
        ContractError: It does not.
    """
    make = maker(component, MODELS)
    torch.manual_seed(0)
    model = make()
    name = name_of(model)
    require(isinstance(model, ViewModel), name, "is no mmsync.models.ViewModel; derive it from SelfSupervisedModel")
    require(model.views_needed, name, "views_needed is empty; name the views that `loss` reads")
    encoders = encoders_of(model)
    with quiet():
        model.init_weights()
    if views is None:
        by_name = {key: encoder.backbone for key, encoder in zip(model.encoders, encoders)}
        views = {}
        for key in model.views_needed:
            view = view_for(by_name.get(key, encoders[0].backbone))
            views[key] = view._replace(data=view.data + 0.1 * torch.randn_like(view.data))
    total = _check_losses(model, name, views)
    total.backward()
    require_learning(model, name)
    if isinstance(model, SelfSupervisedModel):
        _check_labels_unused(model, name, views)
    given = {key: next(iter(views.values())) if key not in views else views[key] for key in model.views_for_features}
    _check_prediction(model.eval(), name, given)
    require_round_trip(model, make, name)


def _check_losses(model: Any, name: str, views: Mapping[str, View]) -> Tensor:
    losses = model(views, example_samples(len(next(iter(views.values())).data)), mode="loss")
    require(isinstance(losses, Mapping), name, f"loss returns {type(losses).__name__}; give a dict of tensors by name")
    found = [key for key in losses if "loss" in key]
    text = f"loss returns {', '.join(map(str, losses)) or 'nothing'}; what is to be summed needs `loss` in its name"
    require(found, name, text)
    for key, value in losses.items():
        right = isinstance(value, Tensor) and value.dim() == 0
        shape = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
        require(right or key not in found, name, f"{key} is {shape}; give a scalar tensor")
        require(torch.isfinite(torch.as_tensor(value)).all(), name, f"{key} is not finite for ordinary data")
    total, _ = model.parse_losses(losses)
    require(total.requires_grad, name, "its losses have no gradient; are they computed under no_grad, or detached?")
    return total


def _check_labels_unused(model: Any, name: str, views: Mapping[str, View]) -> None:
    """Two copies of a method give the same losses whatever the labels are."""
    found = []
    for label in (0, 1):
        samples = example_samples(len(next(iter(views.values())).data), label)
        torch.manual_seed(1)
        found.append(copy.deepcopy(model)(views, samples, mode="loss"))
    text = "its losses depend on gt_label; a self-supervised method reads no labels"
    require(all(same(found[0][key], found[1][key]) for key in found[0]), name, text)


def _check_prediction(model: Any, name: str, views: Mapping[str, View]) -> None:
    n = len(next(iter(views.values())).data)
    with torch.no_grad():
        feature = model(views, mode="tensor")
        require(len(feature) == n, name, f"predicts {len(feature)} features for {n} samples")
        require(same(feature, model(views, mode="tensor")), name, "predicts two features for one view in evaluation")
        table = model(views, mode="predict")
    require(isinstance(table, FeatureTable), name, f"predict gives {type(table).__name__}; give a FeatureTable")
    if isinstance(model, SelfSupervisedModel):
        views_of_encoders = model.views_for_features[0 if model.fuses else 1 : len(model.encoders)]
        wanted = ["feature", *(f"feature_{view}" for view in views_of_encoders)]
        missing = [key for key in wanted if key not in table]
        require(not missing, name, f"predict sets no {', '.join(missing)}, of views_for_features")
        require(same(table["feature"], feature), name, "the column `feature` is not what mode='tensor' gives")
