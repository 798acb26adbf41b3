"""Fills in what follows from another part of a config: layouts, coordinates and input channels.

Data set -> preprocessor -> backbones. Only an argument that the component takes and the config leaves out is filled in,
and only where the value can be known without building anything. ``fit.py`` reports explicit values that contradict.
"""

from __future__ import annotations

from typing import Any

from mmsync import registry as r
from mmsync.config.defaults import LOADERS
from mmsync.config.fit import target_of, typed_dicts, value_of
from mmsync.config.places import registry_of
from mmsync.config.signature import accepted
from mmsync.ops.streams import parse_stream
from mmsync.structures import SkeletonLayout


def derive_values(cfg: dict[str, Any]) -> None:
    """Fill in the derived values of a config.

    Args:
        cfg: The values of a config, changed in place.
    """
    model = cfg.get("model")
    if not isinstance(model, dict):
        return
    preprocessor = model.get("data_preprocessor", cfg.get("data_preprocessor"))
    target = target_of(preprocessor, r.MODELS)
    if target is None or not isinstance(preprocessor, dict):
        return
    loaders = [cfg[key] for key in LOADERS if isinstance(cfg.get(key), dict)]
    layout, coords = _of_data(loaders[0].get("dataset")) if loaders else (None, None)
    _fill(preprocessor, target, layout=layout, num_coords=coords)
    layout = value_of(preprocessor, target, "layout")
    channels = _channels(value_of(preprocessor, target, "num_coords"), value_of(preprocessor, target, "stream"))
    for keys, part in typed_dicts(model, ("model",)):
        backbone = target_of(part, r.BACKBONES) if registry_of(keys) is r.BACKBONES else None
        if backbone is not None and getattr(backbone, "modality", "skeleton") == "skeleton":
            _fill(part, backbone, layout=layout, in_channels=channels)


def _of_data(cfg: Any) -> tuple[Any, int | None]:
    """Layout and number of coordinates of the clips of a data set; None for what only its files say."""
    target = target_of(cfg, r.DATASETS)
    if target is None:
        return None, None
    inner = cfg.get("source", cfg.get("dataset"))
    layout, coords = _of_data(inner) if isinstance(inner, dict) else (None, value_of(cfg, target, "num_coords"))
    pipeline = cfg.get("pipeline")
    for transform in pipeline if isinstance(pipeline, (list, tuple)) else ():
        layout = transform.get("dst", layout) if isinstance(transform, dict) else layout
    own = value_of(cfg, target, "layout")
    layout = own if isinstance(own, (str, dict, SkeletonLayout)) else layout
    return layout.name if isinstance(layout, SkeletonLayout) else layout, coords if isinstance(coords, int) else None


def _channels(coords: Any, stream: Any) -> int | None:
    """Channels that the backbones see; of 2-D joints nobody knows before reading whether a score follows."""
    if coords != 3 or not isinstance(stream, str):
        return None
    try:
        return coords * len(parse_stream(stream))
    except ValueError:  # reported by the check
        return None


def _fill(cfg: dict[str, Any], target: Any, **values: Any) -> None:
    names = accepted(target).annotations
    for name, value in values.items():
        if value is not None and name in names and name not in cfg:
            cfg[name] = value
