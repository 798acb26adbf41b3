"""Checks a config before anything is built, and reports all its problems at once."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config
from torch import nn
from torch.utils.data import DataLoader

from mmsync import registry as r
from mmsync.config import places
from mmsync.config.defaults import DEFAULTS, LOADERS
from mmsync.config.fit import Keys, contradictions, walk
from mmsync.config.load import Notes
from mmsync.config.rates import rate_problems
from mmsync.config.run import run_problems
from mmsync.config.signature import accepted, annotations_of, is_annotation, mismatch, with_range
from mmsync.config.trial import trial_problems
from mmsync.errors import ConfigError, LayoutError, UnknownNameError, count_problems, did_you_mean, nearest
from mmsync.fileio import data_path, not_found, weights_path
from mmsync.ops.streams import STREAMS, parse_stream
from mmsync.structures import SkeletonLayout

_META = ("type", "_scope_")
_HOLES: dict[str, Keys] = {
    "training": ("train_dataloader", "train_cfg", "optim_wrapper"),
    "validation": ("val_dataloader", "val_cfg", "val_evaluator"),
    "testing": ("test_dataloader", "test_cfg", "test_evaluator"),
}


def check(cfg: Config | Mapping[str, Any], files: bool = False) -> None:
    """Raise a :class:`ConfigError` of everything that is wrong with a config.

    Args:
        cfg: A config; only one of ``mmsync.config.load`` has notes on what was inherited from where.
        files: Whether data and checkpoints that the config names must exist.
    """
    checker = _Checker(Notes.of(cfg), files)
    values = cfg.to_dict() if isinstance(cfg, Config) else dict(cfg)  # plain dicts are faster, and lazy types are names
    checker.top(values)
    checker.problems += contradictions(values, files) + rate_problems(values)
    checker.problems += run_problems(values)
    checker.problems = checker.problems or trial_problems(values)
    if checker.problems:
        problems = list(dict.fromkeys(checker.problems))
        name = getattr(cfg, "filename", None) or "the config"
        raise ConfigError("\n  ".join([f"{name} has {count_problems(problems)}:", *problems]), problems)


class _Checker:
    def __init__(self, notes: Notes | None, files: bool) -> None:
        self.notes = notes or Notes()
        self.loaded = notes is not None
        self.files = files
        self.problems: list[str] = []
        self.missing_files: dict[str, list[str]] = {}  # each with the places that name it
        self.file_advice: dict[str, str] = {}  # how a file can be made
        self.joints: set[str] = set()  # names of joints that a layout has; none if the config makes a layout

    def report(self, keys: Keys, text: str) -> None:
        self.problems.append(f"{'.'.join(keys)}: {text}" if keys else text)

    def top(self, cfg: dict[str, Any]) -> None:
        own_layout = any(keys[-1:] == ("layout",) and isinstance(value, dict) for keys, value in walk(cfg))
        layouts = [] if own_layout else map(SkeletonLayout.get, SkeletonLayout.names())
        self.joints = {joint for layout in layouts for joint in ("center", *layout.joints)}
        misspelled = self._unknown_top_keys(cfg)
        if "model" not in cfg and "model" not in misspelled:
            self.report(("model",), "is missing; a config needs a model")
        for purpose, group in _HOLES.items():
            there = [key for key in group if cfg.get(key) is not None]
            lacking = [key for key in group if key not in there and key not in misspelled]
            if there and lacking:
                self.report((lacking[0],), f"is missing; {purpose} needs {', '.join(group)}, or none of them")
        if cfg.get("param_scheduler") is not None and cfg.get("optim_wrapper") is None:
            self.report(("param_scheduler",), "has nothing to schedule; set optim_wrapper as well")
        own = (cfg.get("visualizer") or {}).get("vis_backends") if isinstance(cfg.get("visualizer"), dict) else None
        if own and cfg.get("vis_backends") and own != cfg["vis_backends"]:
            self.report(("vis_backends",), "differs from visualizer.vis_backends, which is used; drop one of them")
        for key, value in cfg.items():
            if key in places.RUNNER_KEYS:
                if value is not None:
                    self._runner_key(key, value)
            else:
                self.value(value, (key,), partial=True)
        self._report_missing_files(cfg)

    def _report_missing_files(self, cfg: dict[str, Any]) -> None:
        for file, places_ in self.missing_files.items():
            used = [path for path in places_ if path.split(".")[0] in places.RUNNER_KEYS]
            if not used:  # a variable of a base, of which no part of the run is made
                continue
            option = next((name for name in sorted(self.notes.variables) if cfg.get(name) == file), used[0])
            more = f" (and {len(used) - 1} more places)" if len(used) > 1 else ""
            of_data = used != ["load_from"]
            where = not_found(file) if of_data else f"{Path(file).expanduser().absolute()} does not exist"
            advice = f"; {self.file_advice[file]}" if file in self.file_advice else ""
            text = f"{where}; --cfg-options {option}=... sets it{advice}"
            self.problems.append(f"{used[0]}{more}: {text}")

    def _unknown_top_keys(self, cfg: dict[str, Any]) -> set[str]:
        """Report top-level keys without effect; returns the keys that were probably meant."""
        meant: set[str] = set()
        absent = [key for key in sorted(places.RUNNER_KEYS | self.notes.variables) if key not in cfg]
        for key in cfg:
            if key in places.RUNNER_KEYS or key.startswith("_"):
                continue
            near = nearest(key, absent) or nearest(key, places.RUNNER_KEYS, 1)
            where = f"({self.notes.unread[key]}) " if key in self.notes.unread else ""
            if where and key in self.notes.shadowed:
                uses = [".".join(path) for path, _ in walk(cfg) if path[1:] and path[-1] == key]
                uses = [path for path in uses if path.split(".")[0] in places.RUNNER_KEYS]
                hint = f", or set {' and '.join(uses)} instead" if uses else ""
                text = "a base sets it before this value is known, which needs a base itself; write plain values"
                self.report((key,), f"{where}{text}{hint}")
                continue
            if where or (self.loaded and key not in self.notes.variables):
                near = near or nearest(key, [other for other in cfg if other != key])
                self.report((key,), f"{where}is no key of the runner and nothing reads it{did_you_mean(near)}")
            elif near and not (self.loaded and near[0] in self.notes.variables):
                self.report((key,), f"is no key of the runner{did_you_mean(near)}")
            meant.update(near[:1])
        return meant

    def _runner_key(self, key: str, value: Any) -> None:
        keys = (key,)
        own: dict[str, Callable[[Any, Keys], None]] = {
            **dict.fromkeys(LOADERS, self._dataloader),
            "train_cfg": self._train_cfg,
            "optim_wrapper": self._optim_wrapper,
            "default_hooks": self._default_hooks,
        }
        if key in own:
            if self._is_dict(value, keys):
                own[key](value, keys)
        elif key.endswith("_evaluator") and isinstance(value, dict) and "metrics" in value:
            self.typed(value, r.EVALUATOR, keys, "Evaluator")
        elif key in places.TYPED:
            self.typed(value, places.registry_of(keys), keys, places.TYPED[key])
        elif key in places.LISTED:
            self._each(value, places.registry_of(keys), keys)
        elif key == "runner_type":
            self._resolve(value, r.RUNNERS, keys)
        elif key in places.SCHEMAS:
            self.rule(value, places.SCHEMAS[key], keys)
        elif key in places.VALUES:
            self._allowed(value, places.VALUES[key], keys)
        elif key == "default_scope" and value != r.SCOPE and nearest(str(value), [r.SCOPE], 2):
            self.report(keys, f"is {value!r}; did you mean {r.SCOPE!r}?")
        elif key in places.PLAIN:
            self._mismatch(value, places.PLAIN[key], keys)
            if key == "load_from":
                self._file(value, keys)
            elif key == "default_scope" and value != r.SCOPE and nearest(str(value), [r.SCOPE], 2):
                self.report(keys, f"is {value!r}; did you mean {r.SCOPE!r}?")
        else:
            self.value(value, keys, partial=True)

    def _dataloader(self, cfg: dict[str, Any], keys: Keys) -> None:
        names = [*accepted(DataLoader).annotations, *places.DATALOADER_EXTRA]
        self.bind(cfg, "a data loader", names, {"dataset", "sampler"}, keys)
        annotations = {**annotations_of(DataLoader), **places.DATALOADER_EXTRA}
        for key, value in cfg.items():
            registry = places.registry_of((str(key),))
            if registry is None:
                self._argument(key, value, annotations.get(key), None, None, (*keys, key), False)
            elif value is not None:
                self.typed(value, registry, (*keys, key))
        if cfg.get("shuffle") and isinstance(cfg.get("sampler"), dict):
            self.report((*keys, "shuffle"), "cannot stand beside a sampler; write sampler=dict(..., shuffle=True)")
        for key in ("persistent_workers", "prefetch_factor") if cfg.get("num_workers", 0) == 0 else ():
            if cfg.get(key):
                self.report((*keys, key), f"is {cfg[key]!r}, but num_workers is 0; set it, or drop {key}")

    def _train_cfg(self, cfg: dict[str, Any], keys: Keys) -> None:
        if "type" in cfg:
            if "by_epoch" in cfg:
                self.report(keys, "takes `type` or `by_epoch`, not both")
            self.typed({k: v for k, v in cfg.items() if k != "by_epoch"}, r.LOOPS, keys)
        elif not self._slip_of_type(cfg, keys, needed=False):
            loop = "EpochBasedTrainLoop" if cfg.get("by_epoch", "max_iters" not in cfg) else "IterBasedTrainLoop"
            target = r.LOOPS.get(loop)
            names, required = self._arguments(target, r.LOOPS, loop, cfg)[:2]
            self.bind(cfg, loop, [*names, "by_epoch"], required, keys)
            self._types(cfg, {"by_epoch": bool, **annotations_of(target)}, keys)

    def _optim_wrapper(self, cfg: dict[str, Any], keys: Keys) -> None:
        if "constructor" in cfg:
            self._resolve(cfg["constructor"], r.OPTIM_WRAPPER_CONSTRUCTORS, (*keys, "constructor"))
            if "type" not in cfg and "optimizer" not in cfg:  # several optimizers, by name
                return self.value({k: v for k, v in cfg.items() if k != "constructor"}, keys)
        return self.typed(cfg, r.OPTIM_WRAPPERS, keys, "OptimWrapper")

    def _clip_grad(self, cfg: Any, keys: Keys) -> None:
        kinds = {"norm": nn.utils.clip_grad_norm_, "value": nn.utils.clip_grad_value_}
        kind = cfg.get("type", "norm")
        self._allowed(kind, list(kinds), (*keys, "type"))
        if kind in kinds:
            spec = accepted(kinds[kind])
            names = [name for name in spec.annotations if name != "parameters"]
            self.bind(cfg, f"clip_grad by {kind}", [*names, "type"], spec.required - {"parameters"}, keys)
            self._types(cfg, annotations_of(kinds[kind]), keys)

    def _default_hooks(self, cfg: dict[str, Any], keys: Keys) -> None:
        known = DEFAULTS["default_hooks"]
        for name, hook in ((str(name), hook) for name, hook in cfg.items()):
            near = [] if name in known else nearest(name, [*known, *cfg], 1)
            if near or (hook is None and name not in known):
                self.report((*keys, name), f"is no hook of the runner{did_you_mean(near)}")
            if hook is not None:
                self.typed(hook, r.HOOKS, (*keys, name))

    def _each(self, value: Any, registry: r.Registry | None, keys: Keys) -> None:
        if isinstance(value, (list, tuple)):
            for i, item in enumerate(value):
                self._each(item, registry, (*keys, str(i)))
        elif isinstance(value, dict) and "type" not in value:
            if not self._slip_of_type(value, keys, needed=not any(isinstance(v, (dict, list)) for v in value.values())):
                for key, item in value.items():
                    self._each(item, registry, (*keys, key))
        elif isinstance(value, dict):
            self.typed(value, registry, keys)

    def value(self, value: Any, keys: Keys, partial: bool = False) -> None:
        """Anything below a component: find the typed dicts in it."""
        if isinstance(value, dict):
            if keys[-1] in places.SCHEMAS:
                self.rule(value, places.SCHEMAS[keys[-1]], keys)
            elif keys[-1] == "clip_grad":
                self._clip_grad(value, keys)
            elif "type" in value:
                self.typed(value, places.registry_of(keys), keys, partial=partial)
            elif not self._slip_of_type(value, keys, needed=False):
                for key, item in value.items():
                    self.value(item, (*keys, str(key)), partial)
        elif isinstance(value, (list, tuple)):
            for i, item in enumerate(value):
                self.value(item, (*keys, str(i)), partial)
        elif isinstance(value, str) and not partial:
            registry = places.registry_of(tuple(key for key in keys if not key.isdigit())[-1:])
            if registry is not None and registry.find(value) is not None:
                self.report(keys, f"is the string {value!r}; write dict(type={value!r})")

    def typed(
        self, cfg: Any, registry: r.Registry | None, keys: Keys, default: str | None = None, partial: bool = False
    ) -> None:
        """A dict with a ``type``, or of the ``default`` one; of a ``partial`` one, required keys may be missing."""
        if not self._is_dict(cfg, keys):
            return
        if "type" not in cfg and (self._slip_of_type(cfg, keys, needed=default is None) or default is None):
            return
        target = self._resolve(cfg.get("type", default), registry, (*keys, "type"))
        schema: dict[str, Any] = {}
        annotations: Mapping[str, Any] = {}
        if target is not None:
            name = str(getattr(target, "__name__", target))
            names, required, takes_more = self._arguments(target, registry, name, cfg)
            self.bind(cfg, name, names, set() if partial else required, keys, takes_more)
            extra = places.EXTRA.get(registry.name, {}) if registry is not None else {}
            annotations = {**annotations_of(target), **extra}
            schema = _schema(target)
            hook = getattr(target, "check_config", None)
            if hook is not None and not partial:
                self._hook(hook, cfg, keys)
            advice = getattr(target, "__dict__", {}).get("file_advice")  # a subclass reads other files
            if advice:
                self.file_advice.update({str(v): advice.format(v) for v in cfg.values() if isinstance(v, str)})
        for key, value in cfg.items():
            if key not in _META:
                self._argument(key, value, annotations.get(key), schema.get(key), registry, (*keys, key), partial)

    def _hook(self, hook: Callable[..., Iterable[str]], cfg: dict[str, Any], keys: Keys) -> None:
        try:
            for problem in hook(cfg, ".".join(keys)):
                self.report(() if problem.startswith(keys[0]) else keys, problem)
        except (TypeError, KeyError, ValueError, AttributeError) as error:  # on values that are reported already
            if not any(problem.startswith(".".join(keys)) for problem in self.problems):
                self.report(keys, f"cannot be checked: {type(error).__name__}: {error}")

    def _argument(
        self, key: str, value: Any, annotation: Any, rule: Any, registry: r.Registry | None, keys: Keys, partial: bool
    ) -> None:
        if value is None:
            if annotation is dict:
                self.report(keys, "is None, must be a dict with a `type`")
            return
        if key == "ema_type":
            self._resolve(value, r.MODELS, keys)
        if self._mismatch(value, annotation, keys):
            return
        if registry is r.DATASETS:
            self._files(key, value, keys)
        if registry is r.WEIGHT_INITIALIZERS and key == "layer":
            for name in [value] if isinstance(value, str) else value:
                near = [] if hasattr(nn, str(name)) else nearest(str(name), dir(nn))
                if near:  # the class of a third party's layer may have any name
                    self.report(keys, f"is {name!r}, which is no layer of torch.nn{did_you_mean(near)}")
        if registry is r.TRANSFORMS and key in places.JOINT_ARGUMENTS and self.joints:
            for name in value if isinstance(value, (list, tuple)) else [value]:
                self._joint(name, keys)
        if key == "layout" and isinstance(value, (str, dict)):
            self._layout(value, keys)
        elif key == "stream" and isinstance(value, str):
            try:
                parse_stream(value)
            except ValueError as error:
                self.report(keys, f"{error}{did_you_mean(nearest(value, STREAMS))}")
        if rule is not None:
            self.rule(value, rule, keys, partial)
        elif not (key == "layout" and isinstance(value, dict)):
            self.value(value, keys, partial)

    def _types(self, cfg: dict[str, Any], annotations: Mapping[str, Any], keys: Keys) -> None:
        """Compare the values of a dict without components with the annotations of its keys."""
        for key, value in cfg.items():
            if value is not None:
                self._mismatch(value, annotations.get(key), (*keys, str(key)))

    def _mismatch(self, value: Any, annotation: Any, keys: Keys) -> bool:
        """Report a value that its annotation does not allow."""
        wrong = mismatch(value, annotation)
        if wrong is not None:
            near = nearest(wrong.value, wrong.options) if isinstance(wrong.value, str) else []
            self.report(keys, f"is {wrong.value!r}, must be {wrong.expected}{did_you_mean(near)}")
        return wrong is not None

    def _joint(self, name: Any, keys: Keys) -> None:
        if isinstance(name, str) and name not in self.joints:
            self.report(keys, f"is {name!r}, which is a joint of no layout{did_you_mean(nearest(name, self.joints))}")

    def _layout(self, value: Any, keys: Keys) -> None:
        try:
            SkeletonLayout.from_config(value)
        except LayoutError as error:
            near = nearest(value, SkeletonLayout.names()) if isinstance(value, str) else []
            self.report(keys, f"is {value!r}, which is no layout{did_you_mean(near)}" if near else str(error))

    def rule(self, value: Any, rule: Any, keys: Keys, partial: bool = False) -> None:
        """Check a value by a rule of a ``config_schema``."""
        if rule is None or value is None:
            self.value(value, keys, partial)
        elif is_annotation(rule):
            self._mismatch(value, with_range(keys[-1], rule), keys)
        elif isinstance(rule, r.Registry):
            self._each(value, rule, keys)
        elif isinstance(rule, (Mapping, Sequence)):
            allowed = list(rule)
            if isinstance(value, dict):
                if "*" not in allowed:
                    self.bind(value, keys[-1], allowed, set(), keys)
                for key, item in value.items():
                    below = rule.get(key, rule.get("*")) if isinstance(rule, Mapping) else None
                    self.rule(item, below, (*keys, str(key)), partial)
            else:
                for item in value if isinstance(value, (list, tuple)) else [value]:
                    self._allowed(item, allowed, keys)
        elif isinstance(value, dict):
            spec = accepted(rule)
            required = spec.required if inspect.isclass(rule) and not partial else set()
            self.bind(value, getattr(rule, "__name__", keys[-1]), list(spec.annotations), required, keys, spec.open)
            schema = _schema(rule)
            annotations = annotations_of(rule)
            for key, item in value.items():
                self._argument(key, item, annotations.get(key), schema.get(key), None, (*keys, key), partial)

    def bind(
        self, cfg: dict[str, Any], name: str, names: list[str], required: Iterable[str], keys: Keys, more: bool = False
    ) -> None:
        """Compare the keys of a dict with the arguments of what it will be given to."""
        missing = [n for n in names if n in set(required) and n not in cfg]
        unused = [n for n in names if n not in cfg]
        leftovers = self.notes.leftovers.get(".".join(keys), {})
        for key in cfg:
            if key in names or key in _META:
                continue
            word = str(key)
            near = [places.SYNONYMS[word]] if places.SYNONYMS.get(word) in names else []
            near = near or nearest(word, missing) or nearest(word, unused) or nearest(word, names)
            if key in leftovers:
                text = f"is left over from the base's type {leftovers[key]!r}, {name} does not take it"
                self.report((*keys, key), f"{text}; add _delete_=True beside `type`, or drop the key from the base")
            elif key == "_delete_":
                self.report((*keys, key), "there is no base value to delete; drop this key")
            elif near or not more:
                hint = did_you_mean(near or self._below(cfg, word, keys))
                hint = hint or f"; it takes {', '.join(names[:12]) or 'no arguments'}"
                self.report((*keys, str(key)), f"{name} takes no {key!r}{hint}")
            missing = [n for n in missing if n not in near[:1]]  # one slip is one problem
        for key in missing:
            self.report(keys, f"{name} needs {key!r}")

    def _below(self, cfg: dict[str, Any], word: str, keys: Keys) -> list[str]:
        """Places of components in a dict that take an argument (or its name in mmsync) that the dict does not take."""
        word, found = places.SYNONYMS.get(word, word), []
        for name, part in cfg.items():
            registry = places.registry_of((*keys, str(name)))
            if registry is not None and isinstance(part, dict) and isinstance(part.get("type"), str):
                target = registry.find(part["type"])
                if target is not None and word in accepted(target).annotations:
                    found.append(".".join((*keys, str(name), word)))
        return found

    def _arguments(
        self, target: Any, registry: r.Registry | None, name: str, cfg: Mapping[str, Any]
    ) -> tuple[list[str], set[str], bool]:
        """Names that a config may give to a component, those that it must, and whether others are swallowed."""
        spec = accepted(target)
        place = registry.name if registry is not None else ""
        provided = places.PROVIDED.get(place, ())
        names = [n for n in spec.annotations if n not in provided]
        names += places.EXTRA.get(place, ())
        takes_more = spec.open and name not in places.NO_SPONGE
        if name == "EMAHook":  # hands its other arguments on to the averaged model
            model = r.MODELS.find(str(cfg.get("ema_type", "ExponentialMovingAverage")))
            if model is not None:
                names += [n for n in accepted(model).annotations if n != "model"]
                takes_more = False
        return names, set(spec.required) - {*provided, *places.FILLED.get(place, ())}, takes_more

    def _resolve(self, type_: Any, registry: r.Registry | None, keys: Keys) -> Any:
        if isinstance(type_, str):
            if registry is None:
                found = next((x for x in (one.find(type_) for one in r.Registry.instances) if x is not None), None)
                if found is None and (near := nearest(type_, [n for one in r.Registry.instances for n in one.names()])):
                    self.report(keys, f"{type_!r} is registered nowhere{did_you_mean(near)}")
                return found
            try:
                return registry.get(type_)
            except UnknownNameError as error:
                self.report(keys, str(error))
                return None
        if not callable(type_):
            self.report(keys, f"must be a registered name or a class, not {type_!r}")
            return None
        return type_

    def _is_dict(self, cfg: Any, keys: Keys) -> bool:
        if isinstance(cfg, dict):
            return True
        if isinstance(cfg, (str, int, float, bool, list, tuple)):  # an object that is built already is none of ours
            self.report(keys, f"must be a dict, not {cfg!r}")
        return False

    def _slip_of_type(self, cfg: dict[str, Any], keys: Keys, needed: bool) -> bool:
        """Whether ``type`` is misspelled (or lacking where it is needed), which is reported."""
        slips = [k for k, v in cfg.items() if nearest(str(k), ["type"], 1) and (isinstance(v, str) or callable(v))]
        for slip in slips[:1]:
            self.report((*keys, slip), "did you mean 'type'?")
        if needed and not slips:
            self.report(keys, "needs a `type`")
        return bool(slips) or needed

    def _allowed(self, value: Any, allowed: Sequence[Any], keys: Keys) -> None:
        if value not in allowed:
            near = nearest(value, [a for a in allowed if isinstance(a, str)]) if isinstance(value, str) else []
            self.report(keys, f"is {value!r}, must be one of {', '.join(map(repr, allowed))}{did_you_mean(near)}")

    def _files(self, key: str, value: Any, keys: Keys) -> None:
        """Files that an argument of a data set names, also by split: ``data_path=dict(train=...)``."""
        if isinstance(value, dict) and "type" not in value:
            for name, item in value.items():
                self._files(key if places.FILE_ARGUMENTS.fullmatch(key) else str(name), item, (*keys, str(name)))
        elif places.FILE_ARGUMENTS.fullmatch(key):
            self._file(value, keys)

    def _file(self, value: Any, keys: Keys) -> None:
        given = self.files and isinstance(value, str) and value and "://" not in value
        if given and not (weights_path(value) if keys == ("load_from",) else data_path(value)).exists():
            self.missing_files.setdefault(value, []).append(".".join(keys))


def _schema(target: Any) -> dict[str, Any]:
    schema: dict[str, Any] = {}
    for one in reversed(inspect.getmro(target)) if inspect.isclass(target) else [target]:
        schema.update(vars(one).get("config_schema", {}) if hasattr(one, "__dict__") else {})
    return schema
