"""Parts of a config that must fit each other: layouts, channels, numbers of classes and views."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any

from mmsync import registry as r
from mmsync.config.places import registry_of
from mmsync.config.signature import accepted, default_of
from mmsync.errors import did_you_mean, nearest
from mmsync.ops.streams import parse_stream
from mmsync.structures import SkeletonLayout

Keys = tuple[str, ...]
_LOADERS = ("train_dataloader", "val_dataloader", "test_dataloader")


def contradictions(cfg: dict[str, Any]) -> list[str]:
    """What data, preprocessor and model say differently.

    Only facts that can be known without building anything count: given arguments, defaults and class attributes.

    Args:
        cfg: The values of a config.

    Returns:
        Problems, one line each.
    """
    facts = _Facts()
    collates = []
    for key in _LOADERS:
        loader = cfg.get(key)
        if isinstance(loader, dict):
            facts.of_data(loader.get("dataset"), (key, "dataset"))
            collates += _wrong_collate(loader, key)
    preprocessor = cfg.get("data_preprocessor")
    where: Keys = ("data_preprocessor",)
    for keys, part in typed_dicts(cfg.get("model"), ("model",)):
        if keys[-1] == "data_preprocessor":
            preprocessor, where = part, keys
        else:
            facts.of_model(part, keys)
    stream = facts.of_preprocessor(preprocessor, where)
    return facts.problems(stream) + collates + _wrong_views(cfg.get("model"), preprocessor, where)


class _Facts:
    """What the parts of a config say, by the path where they say it."""

    def __init__(self) -> None:
        self.layouts: dict[str, str | None] = {}
        self.coords: dict[str, int] = {}
        self.data_classes: dict[str, int] = {}
        self.head_classes: dict[str, int] = {}
        self.channels: dict[str, int] = {}

    def of_data(self, cfg: Any, keys: Keys, remapped: bool = False) -> None:
        """A data set, down to its source; a transform with ``src`` and ``dst`` remaps the source's clips."""
        target = target_of(cfg, r.DATASETS)
        if target is None:
            return
        path = ".".join(keys)
        layout = _layout_name(value_of(cfg, target, "layout"))
        inner = "source" if "source" in cfg else "dataset"
        pipeline = cfg.get("pipeline")
        for i, transform in enumerate(pipeline if isinstance(pipeline, (list, tuple)) else ()):
            if isinstance(transform, dict) and "dst" in transform:
                remapped = True
                self.layouts[f"{path}.pipeline.{i}.dst"] = _layout_name(transform["dst"])
        if layout is not None and (isinstance(cfg.get(inner), dict) or not remapped):
            self.layouts[f"{path}.layout"] = layout
        if isinstance(cfg.get(inner), dict):
            self.of_data(cfg[inner], (*keys, inner), remapped)
            return
        names = value_of(cfg, target, "class_names")
        _note(self.coords, path, value_of(cfg, target, "num_coords"))
        _note(self.data_classes, path, len(names) if isinstance(names, (list, tuple)) else None)

    def of_model(self, cfg: dict[str, Any], keys: Keys) -> None:
        """A component of the model."""
        path, registry = ".".join(keys), registry_of(keys)
        target = target_of(cfg, registry)
        if target is None:
            return
        _note(self.head_classes, path, cfg.get("num_classes"))
        layout = _layout_name(value_of(cfg, target, "layout"))
        if layout is not None:
            self.layouts[f"{path}.layout"] = layout
        if registry is r.BACKBONES and getattr(target, "modality", "skeleton") == "skeleton":
            _note(self.channels, path, value_of(cfg, target, "in_channels"))

    def of_preprocessor(self, cfg: Any, keys: Keys) -> str | None:
        """The preprocessor; returns its stream."""
        target = target_of(cfg, r.MODELS)
        if target is None:
            return None
        path = ".".join(keys)
        layout = _layout_name(value_of(cfg, target, "layout"))
        if layout is not None:
            self.layouts[f"{path}.layout"] = layout
        _note(self.coords, path, value_of(cfg, target, "num_coords"))
        stream = value_of(cfg, target, "stream")
        return stream if isinstance(stream, str) else None

    def problems(self, stream: str | None) -> list[str]:
        """The facts that contradict each other."""
        problems = []
        layouts = {path: name for path, name in self.layouts.items() if name is not None}
        if len(set(layouts.values())) > 1:
            names = list(layouts.values())
            usual = max(dict.fromkeys(names), key=names.count)
            where = next(path for path, name in layouts.items() if name == usual)
            advice = "they must be the same; RemapSkeleton in the pipeline turns one layout into another"
            for path, name in layouts.items():
                if name != usual:
                    problems.append(f"{path}: is {name!r}, but {where} is {usual!r}; {advice}")
        if len(set(self.coords.values())) > 1:
            said = ", ".join(f"{path}.num_coords is {num}" for path, num in self.coords.items())
            problems.append(f"{next(iter(self.coords))}.num_coords: {said}; they must be the same")
        for path, num in self.head_classes.items():
            for data, count in self.data_classes.items():
                if count > num:
                    problems.append(f"{path}.num_classes: is {num}, but {data} has {count} classes")
        coords = next(iter(self.coords.values()), None)
        for path, num in self.channels.items() if coords is not None and stream is not None else ():
            fitting = _channels(coords or 0, stream or "joint")
            if fitting and num not in fitting:
                want = " or ".join(map(str, fitting))
                text = f"is {num}, but stream {stream!r} of {coords}-D joints has {want} channels"
                problems.append(f"{path}.in_channels: {text}")
        return problems


def _channels(coords: int, stream: str) -> list[int]:
    try:
        parts = len(parse_stream(stream))
    except ValueError:  # reported at its place
        return []
    return [coords * parts, (coords + 1) * parts] if coords == 2 else [coords * parts]  # 2-D joints may have a score


def _wrong_collate(loader: dict[str, Any], path: str) -> list[str]:
    """A collate function of single samples for a data set that gives finished batches."""
    dataset = target_of(loader.get("dataset"), r.DATASETS)
    own = getattr(dataset, "collate", None)
    name = getattr(target_of(loader.get("collate_fn"), r.FUNCTIONS), "__name__", None)
    if own is None or name not in ("pseudo_collate", "default_collate"):
        return []
    advice = f"leave collate_fn out, or set dict(type={own.__name__!r})"
    return [f"{path}.collate_fn: {name} takes single samples, but {dataset.__name__} gives finished batches; {advice}"]


def _wrong_views(model: Any, preprocessor: Any, where: Keys) -> list[str]:
    """Views that the method needs and the preprocessor does not make, and the reverse."""
    needed = getattr(target_of(model, r.MODELS), "views_needed", None)
    views = preprocessor.get("views") if isinstance(preprocessor, dict) else None
    if not isinstance(views, dict) or not isinstance(needed, (tuple, list)) or not needed:
        return []
    path = ".".join((*where, "views"))
    missing = [name for name in needed if name not in views]
    problems = []
    for view in views:
        if view not in needed:
            near = nearest(str(view), missing)
            missing = [name for name in missing if name not in near[:1]]
            hint = did_you_mean(near) or f"; it uses {', '.join(map(str, needed))}"
            problems.append(f"{path}.{view}: {model['type']} does not use this view{hint}")
    return problems + [f"{path}: {model['type']} needs the view {name!r}" for name in missing]


def _note(facts: dict[str, int], path: str, value: Any) -> None:
    if isinstance(value, int) and not isinstance(value, bool):
        facts[path] = value


def target_of(cfg: Any, registry: r.Registry | None) -> Any:
    type_ = cfg.get("type") if isinstance(cfg, dict) else None
    if isinstance(type_, str):
        return registry.find(type_) if registry is not None else None
    return type_ if callable(type_) else None


def value_of(cfg: dict[str, Any], target: Any, name: str) -> Any:
    """What an argument will be, as given or by default; of what is no argument, the class's own attribute."""
    if name in cfg:
        return cfg[name]
    if name in accepted(target).annotations:
        return default_of(target, name)
    return vars(target).get(name) if inspect.isclass(target) else None  # a base's attribute may be set on loading


def _layout_name(layout: Any) -> str | None:
    if isinstance(layout, SkeletonLayout):
        return layout.name
    if isinstance(layout, dict):
        return layout.get("name")
    return layout if isinstance(layout, str) and layout in SkeletonLayout.names() else None


def typed_dicts(cfg: Any, keys: Keys) -> Iterable[tuple[Keys, dict[str, Any]]]:
    """All dicts with a ``type`` in a value, outermost first."""
    if isinstance(cfg, dict):
        if "type" in cfg:
            yield keys, cfg
        for key, value in cfg.items():
            yield from typed_dicts(value, (*keys, str(key)))
    elif isinstance(cfg, (list, tuple)):
        for i, value in enumerate(cfg):
            yield from typed_dicts(value, (*keys, str(i)))
