"""Features of clips and of changed copies of them, for criteria without labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal, Optional

import torch
from torch import Generator, Tensor
from tqdm import tqdm

from mmsync.errors import ConfigError
from mmsync.structures import FeatureTable, View
from mmsync.views.preprocessor import Views, sole_input
from mmsync.views.skeleton import RandomRotation, SkeletonPreprocessor

CROP = dict(type="RandomCropResize", scale=(0.5, 1.0))


@torch.no_grad()
def extract_changed(
    model: Any, dataloader: Iterable[Mapping[str, Any]], views: Optional[Views] = None,
    vertical: Literal["y", "z"] = "y", seed: int = 0, progress: bool = True,
) -> FeatureTable:  # fmt: skip
    """Extract the features of skeletons and of changed copies, as the probe ``LabelFree`` asks for them.

    The same copies for every model of one data set, whatever it was trained with, so that criteria can be compared.

    Args:
        model: A method on skeletons; it is put into eval mode.
        dataloader: Gives batches as for ``model.test_step``.
        views: Copies by name, each a list of augmentations. ``None``: two temporal crops, ``first`` and ``second``;
            ``mirror``, if the layout has a left and a right side; ``reversal``.
        vertical: The axis about which copies are turned.
        seed: Of all draws.
        progress: Show a bar, if standard error is a terminal.

    Returns:
        What the model predicts, ``feature_<name> (N, D)`` of each copy and, of 3D clips, ``feature_yaw (N, D)`` of
        copies that were turned by ``yaw (N,)`` degrees in [-180, 180).

    Raises:
        ConfigError: The model is not for skeletons.
    """
    preprocessor = getattr(model, "data_preprocessor", None)
    if not isinstance(preprocessor, SkeletonPreprocessor) or not hasattr(model, "extract_feat"):
        raise ConfigError(f"extract_changed changes skeletons; {type(model).__name__} is no method on them")
    if views is None:
        views = dict(first=[CROP], second=[CROP], reversal=[dict(type="TemporalFlip", prob=1.0)])
        if preprocessor.layout.left:
            views = {**views, "mirror": [dict(type="Mirror", prob=1.0)]}
    lists = {name: preprocessor.build_list(f"views.{name}", one) for name, one in views.items()}
    for one in lists.values():
        one.bind(preprocessor.layout, preprocessor.num_coords)
    turn = _turn(preprocessor, vertical)
    model.eval()
    parts = []
    for number, batch in enumerate(tqdm(dataloader, desc="features", disable=None if progress else True)):
        view = preprocessor.prepare(sole_input(batch["inputs"]), batch.get("data_samples") or ())
        generator = Generator(view.data.device).manual_seed(seed * 1_000_003 + number)
        columns = {f"feature_{name}": _extract(model, one(view, generator)) for name, one in lists.items()}
        if turn is not None:
            draws = turn.draw(view.data, generator)
            columns["feature_yaw"] = _extract(model, turn.apply(view, draws))
            columns["yaw"] = draws["degrees"][:, "xyz".index(vertical)]
        parts.append(model.test_step(batch).with_columns(**columns).detach())
    return FeatureTable.cat(parts)


def _turn(preprocessor: SkeletonPreprocessor, vertical: str) -> Optional[RandomRotation]:
    """A turn by any angle; ``None`` for 2D clips."""
    if preprocessor.num_coords != 3:
        return None
    turn = RandomRotation([180.0 * (axis == vertical) for axis in "xyz"])
    turn.bind(preprocessor.layout, 3)
    return turn


def _extract(model: Any, view: View) -> Tensor:
    return model.extract_feat({model.views_for_features[0]: model.data_preprocessor.finish(view)})
