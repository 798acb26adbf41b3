"""What shaped the input of a model: recorded in checkpoints and compared when they are loaded (docs/design/0037)."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Optional

from mmengine.config import Config
from mmengine.logging import print_log

from mmsync import registry as r
from mmsync.config.fit import target_of, value_of
from mmsync.config.places import FILE_ARGUMENTS, registry_of
from mmsync.config.signature import default_of
from mmsync.errors import CheckpointError

PURPOSES = ("test", "val", "train")
_NO_INPUT = {"cache", "backend", "max_bad_share"}  # arguments of data sets that change no sample
_warned: set[str] = set()  # checkpoints without a record that have been reported

Record = Mapping[str, Any]


def input_record(cfg: Mapping[str, Any]) -> dict[str, Any]:
    """Record what shapes the input of a resolved config's model, as plain values.

    Components declare the arguments that do so in ``input_arguments``.

    Returns:
        ``views``: facts of the data preprocessor, or of its parts by name; ``data``: facts of the data sets by purpose
        (``'test'``, ``'val'``, ``'train'``), none in the body frame; ``training``: augmentations, and all that says
        which samples are drawn.
    """
    values: Mapping[str, Any] = cfg.to_dict() if isinstance(cfg, Config) else cfg
    model = values.get("model")
    own = model.get("data_preprocessor") if isinstance(model, dict) else None
    preprocessor = own or values.get("data_preprocessor")
    preprocessor = preprocessor if isinstance(preprocessor, dict) else {}
    parts = preprocessor.get("parts")
    views: dict[str, Any] = {}
    training: dict[str, Any] = {}
    for name, part in (parts if isinstance(parts, dict) else {"": preprocessor}).items():
        facts = _view_facts(part)
        if facts:
            views[name] = {"type": _name(part["type"]), **facts}
            lists = {key: part.get(key) for key in ("views", "common") if key == "views" or part.get(key)}
            training.update({f"{name}.{key}" if name else key: _plain(value) for key, value in lists.items()})
    method = target_of(model, r.MODELS)
    for name in method.encoders if getattr(method, "fuses", False) else ():  # streams that the method makes
        part = method.encoder_config(model, name)[1]
        if "type" in part:
            views[name] = {"type": _name(part["type"]), **_view_facts(part)}
    data = {}
    for purpose in PURPOSES:
        loader = values.get(f"{purpose}_dataloader")
        dataset = loader.get("dataset") if isinstance(loader, dict) else None
        facts = dict(_facts(dataset, r.DATASETS))
        if facts:
            data.update({} if preprocessor.get("body_frame") else {purpose: facts})
            training.update(_samples(dataset) if purpose == "train" else {})
    return {"views": views, "data": data, "training": training} if views or data else {}


def _view_facts(preprocessor: Any) -> dict[str, Any]:
    """Facts of a data preprocessor; in the body frame, which is the same of all data, neither layout nor channels."""
    facts = dict(_facts(preprocessor, r.MODELS))
    if not facts.pop("body_frame", False):  # checkpoints before it have no such fact
        return facts
    return {**{key: value for key, value in facts.items() if key not in ("layout", "num_coords")}, "body_frame": True}


def _facts(cfg: Any, registry: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Place and value of the arguments that shape samples, of a component and of the source or data sets in it."""
    target = target_of(cfg, registry)
    for name in getattr(target, "input_arguments", ()):
        yield path + name, _plain(value_of(cfg, target, name))
    for key, part in _inner(cfg):
        yield from _facts(part, registry, path if key == "dataset" else f"{path}{key}.")


def _inner(cfg: Any) -> Iterator[tuple[str, Any]]:
    """The source or data sets in a data set."""
    for key, value in cfg.items() if isinstance(cfg, dict) else ():
        if key in ("source", "dataset"):
            yield key, value
        elif key == "datasets" and isinstance(value, (list, tuple)):
            yield from ((f"datasets.{i}", part) for i, part in enumerate(value))


def _samples(cfg: Any, path: str = "") -> dict[str, Any]:
    """All arguments of a data set and of what is in it that are no files."""
    found: dict[str, Any] = {}
    for key, value in cfg.items() if isinstance(cfg, dict) else ():
        file = FILE_ARGUMENTS.fullmatch(key) and isinstance(value, str)
        if key not in ("source", "dataset", "datasets", *_NO_INPUT) and not file:
            found[path + key] = _plain(value)
    for key, part in _inner(cfg):
        found.update(_samples(part, f"{path}{key}."))
    return found


def _plain(value: Any, keys: tuple[str, ...] = ("pipeline",)) -> Any:
    """Dicts, lists and scalars; without arguments that equal their default."""
    if isinstance(value, Mapping):
        target = target_of(value, registry_of(keys))
        if target is not None:
            rest = {k: v for k, v in value.items() if k != "type" and v != default_of(target, k)}
            return {"type": _name(value["type"]), **{k: _plain(v, (*keys, str(k))) for k, v in rest.items()}}
        return {str(key): _plain(item, keys) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item, keys) for item in value]
    plain = value is None or isinstance(value, (str, int, float, bool))
    return value if plain else getattr(value, "name", type(value).__name__)


def _name(kind: Any) -> str:
    return kind.rpartition(".")[2] if isinstance(kind, str) else kind.__name__


def check_input(
    meta: Optional[Mapping[str, Any]], own: Record, source: str, purposes: Iterable[str] = (), resume: bool = False,
    allow: bool = False,
) -> None:  # fmt: skip
    """Compare the record of a checkpoint with that of the config that it is loaded for.

    An input that one of the training's data sets had is known. Without a record there is a warning, once.

    Args:
        meta: The ``meta`` of the checkpoint.
        own: The :func:`input_record` of the config.
        source: Name of the checkpoint.
        purposes: Data sets that the model is to see next, ``'test'`` or ``'val'``; without any, training adapts it.
        resume: Compare augmentations and samples of the training as well.
        allow: Accept differences, with a warning that names them.

    Raises:
        CheckpointError: The inputs differ; the message names each difference.
    """
    record = (meta or {}).get("input")
    if not own:
        return
    if not isinstance(record, Mapping) or not record:
        if source not in _warned:
            _warned.add(source)
            text = "does not say which input it was trained with (stream, layout, pipeline, window)"
            advice = "make sure that it is the config's"
            print_log(f"checkpoint {source} {text}: {advice}", logger="current", level=logging.WARNING)
        return
    found = [text for name, facts in own["views"].items() for text in _unknown(facts, record["views"], name, "views")]
    for purpose in purposes:
        if purpose in own["data"]:
            found += _unknown(own["data"][purpose], record["data"], purpose, f"{purpose}_dataloader.dataset")
    if resume:
        found += _differences(record["training"], own["training"], "training")
    if not found:
        return
    lines = "\n  ".join(dict.fromkeys(found))
    if allow:
        text = f"checkpoint {source} is used with another input, as asked:\n  {lines}"
        print_log(text, logger="current", level=logging.WARNING)
        return
    raise CheckpointError(
        f"checkpoint {source} was trained with another input:\n  {lines}\nUse the config and the options of its "
        "training, or accept the other input with --other-input (other_input=True in a config or in Python)"
    )


def _unknown(facts: Record, known: Mapping[str, Record], name: str, path: str) -> list[str]:
    """Differences of an input from that of its name in the training, unless the training had it at all."""
    if not known or facts in list(known.values()):
        return []
    nearest = next((known[key] for key in (name, *PURPOSES) if key in known), next(iter(known.values())))
    path = "model.data_preprocessor" + (f".parts.{name}" if name else "") if path == "views" else path
    return list(_differences(nearest, facts, path))


class _Default:
    """Stands for an argument that a record leaves out because it has its default."""

    def __repr__(self) -> str:
        return "the default"


_DEFAULT = _Default()


def _differences(old: Any, new: Any, path: str) -> Iterator[str]:
    same_kind = isinstance(old, Mapping) and isinstance(new, Mapping) and old.get("type") == new.get("type")
    if same_kind:
        for key in dict.fromkeys([*old, *new]):
            yield from _differences(old.get(key, _DEFAULT), new.get(key, _DEFAULT), f"{path}.{key}")
    elif isinstance(old, list) and isinstance(new, list) and _types(old) == _types(new) != [None] * len(old):
        for i, (a, b) in enumerate(zip(old, new)):
            yield from _differences(a, b, f"{path}.{i}")
    elif old != new and not (old in (None, _DEFAULT) and new in (None, _DEFAULT)):
        yield f"{path}: trained with {_short(old)}, asked for {_short(new)}"


def _types(values: list) -> list[Any]:
    return [value.get("type") if isinstance(value, Mapping) else None for value in values]


def _short(value: Any) -> str:
    if isinstance(value, Mapping) and "type" in value:
        arguments = ", ".join(f"{key}={_short(item)}" for key, item in value.items() if key != "type")
        return f"{value['type']}({arguments})"
    if isinstance(value, list):
        return f"[{', '.join(map(_short, value))}]"
    return repr(value)
