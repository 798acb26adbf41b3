"""Parts of a config that must fit each other: derived values, and contradictions."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Iterable
from typing import Any

from mmsync import registry as r
from mmsync.config.defaults import LOADERS
from mmsync.config.places import registry_of
from mmsync.config.signature import accepted, default_of
from mmsync.errors import LayoutError, did_you_mean, nearest
from mmsync.ops.streams import parse_stream
from mmsync.structures import SkeletonLayout, remap_index

Keys = tuple[str, ...]
_BODY = ("kinect20", 3)  # what models see of the body frame, whatever the data have


def derive_values(cfg: dict[str, Any]) -> None:
    """Fill in layouts, coordinates and input channels in place: data set -> preprocessor -> backbones."""
    model = cfg.get("model")
    if not isinstance(model, dict):
        return
    preprocessor = model.get("data_preprocessor", cfg.get("data_preprocessor"))
    target = target_of(preprocessor, r.MODELS)
    if target is None or not isinstance(preprocessor, dict):
        return
    loaders = [cfg[key] for key in LOADERS if isinstance(cfg.get(key), dict)]
    layout, coords, width = _of_data(loaders[0].get("dataset")) if loaders else (None, None, None)
    _fill(preprocessor, target, layout=layout, num_coords=coords)
    layout, coords, stream = (value_of(preprocessor, target, name) for name in ("layout", "num_coords", "stream"))
    if preprocessor.get("body_frame"):
        layout, coords = _BODY
    # of 2-D joints few sources know before reading whether a score follows
    known = isinstance(stream, str) and (coords == 3 or coords == width == 2)
    channels = next(iter(_channels(coords, stream)), None) if known else None
    for keys, part in _typed_dicts(model, ("model",)):
        backbone = target_of(part, r.BACKBONES) if registry_of(keys) is r.BACKBONES else None
        if backbone is not None and getattr(backbone, "modality", "skeleton") == "skeleton":
            _fill(part, backbone, layout=layout, in_channels=channels)


def _of_data(cfg: Any) -> tuple[Any, int | None, int | None]:
    """Layout, coordinates and channels of a data set, ``None`` where they are not known."""
    target = target_of(cfg, r.DATASETS)
    if target is None:
        return None, None, None
    inner = cfg.get("source", cfg.get("dataset"))
    if isinstance(inner, dict):
        layout, coords, width = _of_data(inner)
    else:
        said = target.stated(cfg) if hasattr(target, "stated") else {}  # by files, if they can be read
        coords, width = (said.get(name, value_of(cfg, target, name)) for name in ("num_coords", "num_channels"))
        layout = said.get("layout")
    pipeline = cfg.get("pipeline")
    for transform in pipeline if isinstance(pipeline, (list, tuple)) else ():
        layout = transform.get("dst", layout) if isinstance(transform, dict) else layout
    own = value_of(cfg, target, "layout")
    layout = own if isinstance(own, (str, dict, SkeletonLayout)) else layout
    coords, width = (number if isinstance(number, int) else None for number in (coords, width))
    return layout.name if isinstance(layout, SkeletonLayout) else layout, coords, width


def _fill(cfg: dict[str, Any], target: Any, **values: Any) -> None:
    names = accepted(target).annotations
    for name, value in values.items():
        if value is not None and name in names:
            cfg.setdefault(name, value)


def contradictions(cfg: dict[str, Any], files: bool = False) -> list[str]:
    """Contradictions between data, preprocessor and model, one line each; ``files``: also ask the data that are there.

    A source class can say what its files hold by a class method ``stated(cfg)``: ``layout``, ``num_coords`` and
    ``class_names`` by name, without those that it does not know.
    """
    facts = _Facts(files)
    problems = []
    for key in LOADERS:
        loader = cfg.get(key)
        if isinstance(loader, dict):
            facts.of_data(loader.get("dataset"), (key, "dataset"))
            problems += _wrong_collate(loader, key)
    model, preprocessor = cfg.get("model"), cfg.get("data_preprocessor")
    where: Keys = ("data_preprocessor",)
    for keys, part in _typed_dicts(model, ("model",)):
        if keys[-1] == "data_preprocessor":
            preprocessor, where = part, keys
    seen = facts
    if isinstance(preprocessor, dict) and preprocessor.get("body_frame"):
        seen = _Facts(files).of_body_frame(".".join((*where, "body_frame")))
    for keys, part in _typed_dicts(model, ("model",)):
        if keys[-1] != "data_preprocessor":
            seen.of_model(part, keys)
    stream = facts.of_preprocessor(preprocessor, where)
    trains = cfg.get("train_dataloader") is not None
    classifies = isinstance(model, dict) and "head" in model  # takes weights that may be made for other lengths
    if trains and not cfg.get("load_from") and not classifies:
        seen.of_frames(cfg["train_dataloader"], preprocessor, where)
    if seen is not facts:
        seen.data_classes = facts.data_classes
        problems = facts.problems(None) + problems
    problems = seen.problems(stream) + problems + _wrong_views(model, preprocessor, where, trains)
    problems += _without_tokens(model)
    return problems + _wrong_queue(cfg) + _wrong_stages(cfg)


class _Facts:
    """Facts that the parts of a config state, by the path that states them."""

    def __init__(self, files: bool) -> None:
        self.files = files
        self.found: list[str] = []  # contradictions inside one data set
        self.layouts: dict[str, str] = {}
        self.coords: dict[str, int] = {}
        self.persons: dict[str, int] = {}
        self.frames: dict[str, int] = {}
        self.strides: dict[str, Any] = {}  # of the stem in front of them
        self.time_embeddings: dict[str, tuple[int, bool]] = {}  # frames that there are for, and whether fewer are fine
        self.data_classes: dict[str, int] = {}
        self.head_classes: dict[str, int] = {}
        self.channels: dict[str, int] = {}

    def of_body_frame(self, path: str) -> _Facts:
        """What a model sees of clips in the body frame."""
        self.layouts[path], self.coords[path] = _BODY
        self.frames[path] = 64
        return self

    def of_data(self, cfg: Any, keys: Keys, remapped: bool = False, wanted: tuple[str, Any] | None = None) -> None:
        """A data set, down to its source; a transform with ``dst``, or its own ``wanted`` layout, remaps the clips."""
        target = target_of(cfg, r.DATASETS)
        if target is None:
            return
        path = ".".join(keys)
        inner = "source" if "source" in cfg else "dataset"
        pipeline = cfg.get("pipeline")
        for i, transform in enumerate(pipeline if isinstance(pipeline, (list, tuple)) else ()):
            if isinstance(transform, dict) and "dst" in transform:
                remapped = True
                self._layout(f"{path}.pipeline.{i}.dst", transform["dst"])
            if isinstance(transform, dict):
                _note(self.persons, f"{path}.pipeline.{i}", transform.get("num_persons"))
        said = getattr(target, "stated", None)
        stated = said(cfg) if self.files and said is not None else {}
        layout = stated.get("layout", value_of(cfg, target, "layout"))
        if isinstance(cfg.get(inner), dict):
            self._layout(f"{path}.layout", layout)
            if _as_layout(layout) is not None:
                wanted, remapped = (f"{path}.layout", layout), True  # the data set remaps what comes out of the source
            return self.of_data(cfg[inner], (*keys, inner), remapped, wanted)
        if wanted is not None:
            self.found += _no_remap(f"{path}.layout", layout, *wanted)
        elif not remapped:
            self._layout(f"{path}.layout", layout)
        names = stated.get("class_names", value_of(cfg, target, "class_names"))
        _note(self.coords, path, stated.get("num_coords", value_of(cfg, target, "num_coords")))
        _note(self.data_classes, path, len(names) if isinstance(names, (list, tuple)) else cfg.get("num_classes"))
        return None

    def of_model(self, cfg: dict[str, Any], keys: Keys) -> None:
        """A component of the model."""
        path, registry = ".".join(keys), registry_of(keys)
        target = target_of(cfg, registry)
        if target is not None:
            _note(self.head_classes, path, cfg.get("num_classes"))
            self._layout(f"{path}.layout", value_of(cfg, target, "layout"))
            if registry is r.BACKBONES and getattr(target, "modality", "skeleton") == "skeleton":
                _note(self.channels, path, value_of(cfg, target, "in_channels"))
            for name, fewer in (("clip_len", False), ("max_len", True)) if registry is r.BACKBONES else ():
                value = value_of(cfg, target, name)
                if isinstance(value, int):
                    self.time_embeddings[f"{path}.{name}"] = value, fewer
                    stem = cfg.get("stem")
                    self.strides[f"{path}.{name}"] = stem.get("strides", ()) if isinstance(stem, dict) else ()

    def of_frames(self, loader: Any, preprocessor: Any, keys: Keys) -> None:
        """Frames of the clips that backbones see, where the config says so."""
        if not isinstance(preprocessor, dict) or not isinstance(loader, dict):
            return
        window = preprocessor.get("window")
        if isinstance(window, int):
            self.frames = {".".join((*keys, "window")): window}
        elif any("size" in part or "frames" in part for _, part in _typed_dicts(preprocessor.get("views"), ())):
            self.frames = {}
        elif not self.frames:
            path, dataset = "train_dataloader.dataset", loader.get("dataset")
            pipeline = dataset.get("pipeline") if isinstance(dataset, dict) else None
            for i, transform in enumerate(pipeline if isinstance(pipeline, (list, tuple)) else ()):
                if isinstance(transform, dict) and isinstance(transform.get("length"), int):
                    self.frames = {f"{path}.pipeline.{i}.length": transform["length"]}

    def of_preprocessor(self, cfg: Any, keys: Keys) -> str | None:
        """The preprocessor; returns its stream."""
        target = target_of(cfg, r.MODELS)
        if target is None:
            return None
        self._layout(".".join((*keys, "layout")), value_of(cfg, target, "layout"))
        _note(self.coords, ".".join(keys), value_of(cfg, target, "num_coords"))
        stream = value_of(cfg, target, "stream")
        return stream if isinstance(stream, str) else None

    def _layout(self, path: str, layout: Any) -> None:
        if isinstance(layout, (dict, SkeletonLayout)):
            layout = layout.get("name") if isinstance(layout, dict) else layout.name
        elif not isinstance(layout, str) or layout not in SkeletonLayout.names():
            return
        if layout is not None:
            self.layouts[path] = layout

    def problems(self, stream: str | None) -> list[str]:
        """The facts that contradict each other."""
        problems = self.found + self._unequal_persons() + self._other_frames()
        names = list(self.layouts.values())
        usual = max(dict.fromkeys(names), key=names.count, default=None)
        advice = "they must be the same; RemapSkeleton in the pipeline turns one layout into another"
        for path, name in self.layouts.items():
            if name != usual:
                where = next(path for path, name in self.layouts.items() if name == usual)
                problems.append(f"{path}: is {name!r}, but {where} is {usual!r}; {advice}")
        if len(set(self.coords.values())) > 1:
            said = ", ".join(f"{path}.num_coords is {num}" for path, num in self.coords.items())
            problems.append(f"{next(iter(self.coords))}.num_coords: {said}; they must be the same")
        pairs = itertools.product(self.head_classes.items(), self.data_classes.items())
        problems += [
            f"{path}.num_classes: is {n}, but {data} has {m} classes; set it to {m}"
            for (path, n), (data, m) in pairs
            if m != n
        ]
        coords = next(iter(self.coords.values()), None)
        for path, num in self.channels.items() if coords is not None and stream is not None else ():
            fitting = _channels(coords or 0, stream or "joint")
            if fitting and num not in fitting:
                text = f"is {num}, but stream {stream!r} of {coords}-D joints has {' or '.join(map(str, fitting))}"
                problems.append(f"{path}.in_channels: {text} channels")
        return problems

    def _unequal_persons(self) -> list[str]:
        first = next(iter(self.persons), "")
        text = f"but {first}.num_persons is {self.persons.get(first)}; training and evaluation must see as many"
        return [
            f"{path}.num_persons: is {num}, {text}" for path, num in self.persons.items() if num != self.persons[first]
        ]

    def _other_frames(self) -> list[str]:
        problems = []
        for (place, frames), (path, (length, fewer)) in itertools.product(
            self.frames.items(), self.time_embeddings.items()
        ):
            after = frames
            for stride in self.strides[path]:
                after = -(-after // stride) if isinstance(stride, int) and stride > 0 else after
            if after != length and not (fewer and after < length):
                stem = f", which its stem makes {after}" if after != frames else ""
                text = f"but the clips have {frames} frames ({place}){stem}; set it to {after}"
                problems.append(f"{path}: is {length}, {text}, so that each frame has an embedding of its own")
        return problems


def _as_layout(layout: Any) -> SkeletonLayout | None:
    try:
        return SkeletonLayout.from_config(layout) if isinstance(layout, (str, dict, SkeletonLayout)) else None
    except LayoutError:  # reported at its place
        return None


def _no_remap(path: str, layout: Any, place: str, wanted: Any) -> list[str]:
    """A source whose joints cannot be read as the layout that its data set is to have."""
    src, dst = _as_layout(layout), _as_layout(wanted)
    try:
        if src is not None and dst is not None and src != dst:
            remap_index(src, dst)
    except LayoutError as error:
        return [f"{path}: is {src}, but {place} is {str(dst)!r}, and {error}"]
    return []


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


def _wrong_views(model: Any, preprocessor: Any, where: Keys, trains: bool = True) -> list[str]:
    """Views that the method needs and the preprocessor (of one or of several modalities) does not make; the reverse."""
    needed = getattr(target_of(model, r.MODELS), "views_needed", None)
    preprocessor = preprocessor if isinstance(preprocessor, dict) else {}
    views, parts = preprocessor.get("views"), preprocessor.get("parts")
    made = {f"{'.'.join(where)}.views.{view}": view for view in views} if isinstance(views, dict) else {}
    if isinstance(parts, dict):
        for name, part in parts.items():
            path, own = f"{'.'.join(where)}.parts.{name}", part.get("views") if isinstance(part, dict) else None
            names = own if isinstance(own, dict) else {}
            made.update({f"{path}.views.{view}": view for view in names} or {path: name})
    if not isinstance(needed, (tuple, list)) or not needed:
        return []
    if not made:  # training sees the views of evaluation
        target = target_of(preprocessor, r.MODELS)
        if not trains or views is not None or parts is not None or not hasattr(target, "feature_views"):
            return []
        given = getattr(target_of(model, r.MODELS), "views_for_features", needed)
        made = {f"{'.'.join(where)}.views": name for name in needed if name in given}
    missing = [name for name in needed if name not in made.values()]
    problems = _equal_views(views, ".".join(where), model["type"])
    for path, view in made.items():
        if view not in needed:
            near = nearest(str(view), missing)
            missing = [name for name in missing if name not in near[:1]]
            hint = did_you_mean(near) or f"; it uses {', '.join(map(str, needed))}"
            problems.append(f"{path}: {model['type']} does not use this view{hint}")
    path = ".".join((*where, "parts" if isinstance(parts, dict) else "views"))
    return problems + [f"{path}: {model['type']} needs the view {name!r}" for name in missing]


def _equal_views(views: Any, path: str, method: Any) -> list[str]:
    """Several views that are the same clip, because nothing in them is drawn."""
    if not isinstance(views, dict) or len(views) < 2:
        return []
    still = [name for name, parts in views.items() if isinstance(parts, (list, tuple)) and not any(map(_draws, parts))]
    if len(still) < len(views):
        return []
    text = f"{' and '.join(map(str, still))} have no augmentation: they are the same clip, and {method} learns nothing"
    return [f"{path}.views: {text}; give them augmentations, views=dict({still[0]}=[dict(type=...), ...])"]


def _draws(part: Any) -> bool:
    return not isinstance(part, dict) or part.get("prob") != 0


def _wrong_queue(cfg: dict[str, Any]) -> list[str]:
    """A memory queue that is shorter than the batch that enters it."""
    model, loader = cfg.get("model"), cfg.get("train_dataloader")
    size = model.get("queue_size") if isinstance(model, dict) else None
    batch = loader.get("batch_size") if isinstance(loader, dict) else None
    if not isinstance(size, int) or not isinstance(batch, int) or size >= batch:
        return []
    text = f"is {size}, but train_dataloader.batch_size is {batch}, and a whole batch enters the queue at a time"
    return [f"model.queue_size: {text}; raise queue_size or lower batch_size"]


def _wrong_stages(cfg: dict[str, Any]) -> list[str]:
    """Kinds of samples in the stages of a curriculum that the training data do not have."""
    loader = cfg.get("train_dataloader")
    data: Any = loader.get("dataset") if isinstance(loader, dict) else None
    names = [kind.name for kind in getattr(target_of(data, r.DATASETS), "kinds", ())]
    problems = []
    for keys, hook in _typed_dicts(cfg.get("custom_hooks"), ("custom_hooks",)):
        stages = hook.get("stages") if names and hook["type"] == "CurriculumHook" else None
        for i, stage in enumerate(stages if isinstance(stages, (list, tuple)) else ()):
            mix = stage[1] if isinstance(stage, (list, tuple)) and len(stage) == 2 else None
            for kind in mix if isinstance(mix, dict) else ():
                if kind not in names:
                    text = f"{data['type']} has no such kind{did_you_mean(nearest(kind, names))}"
                    problems.append(f"{'.'.join(keys)}.stages.{i}.1.{kind}: {text}")
    return problems


def _without_tokens(model: Any) -> list[str]:
    if not getattr(target_of(model, r.MODELS), "needs_tokens", False):
        return []
    problems = []
    for keys, part in _typed_dicts(model, ("model",)):
        backbone = target_of(part, r.BACKBONES) if registry_of(keys) is r.BACKBONES else None
        if backbone is not None and not hasattr(backbone, "encode"):
            fitting = sorted(name for name, one in r.BACKBONES.module_dict.items() if hasattr(one, "encode"))
            text = f"encodes visible tokens only, and {backbone.__name__} has no tokens; use {' or '.join(fitting)}"
            problems.append(f"{'.'.join(keys)}: {model['type']} {text}")
    return problems


def _note(facts: dict[str, int], path: str, value: Any) -> None:
    if isinstance(value, int) and not isinstance(value, bool):
        facts[path] = value


def target_of(cfg: Any, registry: r.Registry | None) -> Any:
    """The class or function of a config; ``None`` for anything else, or one that is not registered."""
    type_ = cfg.get("type") if isinstance(cfg, dict) else None
    if isinstance(type_, str):
        return registry.find(type_) if registry is not None else None
    return type_ if callable(type_) else None


def value_of(cfg: dict[str, Any], target: Any, name: str) -> Any:
    """The value of an argument, given or by default; the class's own attribute if there is no such argument."""
    if name in cfg:
        return cfg[name]
    if name in accepted(target).annotations:
        return default_of(target, name)
    return vars(target).get(name) if inspect.isclass(target) else None  # a base's attribute may be set on loading


def walk(cfg: Any, keys: Keys = ()) -> Iterable[tuple[Keys, Any]]:
    """A value and all values in its dicts and lists, outermost first, with their places."""
    yield keys, cfg
    items = cfg.items() if isinstance(cfg, dict) else enumerate(cfg) if isinstance(cfg, (list, tuple)) else ()
    for key, value in items:
        yield from walk(value, (*keys, str(key)))


def _typed_dicts(cfg: Any, keys: Keys) -> Iterable[tuple[Keys, dict[str, Any]]]:
    return ((place, part) for place, part in walk(cfg, keys) if isinstance(part, dict) and "type" in part)
