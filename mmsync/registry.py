"""The registries of mmsync: one child of each root of MMEngine, and roots that fall back to ``MODELS``, ``METRICS``."""

from __future__ import annotations

import importlib
import pkgutil
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib import metadata
from typing import TYPE_CHECKING, Any, Optional, Union

import mmengine.registry as root
from mmengine.registry import DefaultScope

from mmsync.errors import ConfigError, MMSyncError, UnknownNameError, did_you_mean, nearest

if TYPE_CHECKING:
    from torch import nn

SCOPE = "mmsync"
PLUGIN_GROUP = "mmsync.plugins"

OptConfig = Optional[dict]  # config of a component, or None for its default
Part = Union[dict, "nn.Module"]  # config of a part of a model, or the part itself
OptPart = Optional[Part]

failed_imports: dict[str, Exception] = {}  # errors of modules and plug-ins that could not be imported, by name

_plugins_loaded = False


def _import(name: str) -> Any:
    """Import a module; on failure record the error and return None."""
    try:
        return importlib.import_module(name)
    except Exception as error:  # an error in one component must not affect the others
        failed_imports[name] = error
        return None


def _import_tree(name: str) -> None:
    module = _import(name)
    for info in pkgutil.iter_modules(getattr(module, "__path__", ()), name + "."):
        if not info.name.endswith("__main__"):
            _import_tree(info.name)


def _load_plugins() -> None:
    """Import the entry points ``mmsync.plugins`` of other packages, and call those that are functions."""
    global _plugins_loaded
    if _plugins_loaded:
        return
    _plugins_loaded = True  # first, because a plug-in may look names up while it is imported
    points: Any = metadata.entry_points()
    group = points.select(group=PLUGIN_GROUP) if hasattr(points, "select") else points.get(PLUGIN_GROUP, ())
    for point in group:
        try:
            plugin = point.load()
            if callable(plugin):
                plugin()
        except Exception as error:  # a broken plug-in must not break mmsync
            failed_imports[f"plug-in {point.name} ({point.value})"] = error


def type_name(cfg: Any, default: str) -> str:
    """The name of the type of a config; the default for anything else."""
    kind = cfg.get("type") if isinstance(cfg, Mapping) else None
    return str(getattr(kind, "__name__", kind) or default)


@contextmanager
def naming_errors(name: str) -> Iterator[None]:
    """Turn whatever a constructor raises, unless it is a ``MMSyncError``, into a ``ConfigError`` that names it."""
    try:
        yield
    except MMSyncError:
        raise
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        text = f"{name} cannot be built: {type(error).__name__}: {error} ({where.filename}, line {where.lineno})"
        raise ConfigError(text) from error


class Registry(root.Registry):
    """MMEngine's registry with lazy import of whole packages, fallbacks and helpful errors."""

    instances: list[Registry] = []

    def __init__(
        self,
        name: str,  # kind of the registered components, in the singular, for messages
        parent: root.Registry | None = None,  # MMEngine's root of the same kind
        locations: Sequence[str] = (),  # packages that are imported, with everything below them, on the first lookup
        upstream: Sequence[str] = (),  # modules of MMEngine, imported if ours do not include the name
        fallback: Registry | None = None,  # a registry to search last
        mirror: bool = False,  # register in ``parent`` as well, for MMEngine's lookups that ignore the scope
    ) -> None:
        super().__init__(name, parent=parent, scope=SCOPE, locations=list(locations))
        self._imported = False
        self.upstream = tuple(upstream)
        self.fallback = fallback
        self.mirror = mirror
        if parent is None and fallback is not None:
            self.build_func: Callable[..., Any] = fallback.build_func
        Registry.instances.append(self)

    def import_from_location(self) -> None:
        """Import our own components and the plug-ins, once."""
        if not self._imported:
            self._imported = True  # first, because a module may look names up while it is imported
            for location in self._locations:
                _import_tree(location)
            _load_plugins()

    def find(self, key: str) -> Any:
        """The component registered as ``'Name'`` or ``'scope.Name'``, or at the dotted path of an object, or None."""
        if not isinstance(key, str):
            raise TypeError(f"a registered name must be a string, got {key!r}")
        scope, name = self.split_scope_key(key)
        own = name if scope == self.scope else key
        if own not in self._module_dict:
            self.import_from_location()
        if own in self._module_dict:
            return self._module_dict[own]
        for module in self.upstream:
            _import(module)
        if scope in (None, "mmengine") and self.parent is not None and name in self.parent.module_dict:
            return self.parent.module_dict[name]
        found = self.fallback.find(key) if self.fallback is not None else None
        if found is None and scope not in (None, self.scope):
            try:
                found = super().get(key)  # a registry of another package, or an importable object
            except (RuntimeError, UnknownNameError):  # MMEngine raises different errors for an unknown name
                found = None
        return found

    def get(self, key: str) -> Any:
        """The component registered under a name; ``UnknownNameError`` lists the nearest, and modules that failed."""
        found = self.find(key)
        if found is None:
            raise self._unknown(key)
        return found

    def build(self, cfg: Any, *args: Any, **kwargs: Any) -> Any:
        """Build a config, or return a module as it is.

        Whatever the constructor raises, unless it is a ``MMSyncError``, is a ``ConfigError`` that names the component;
        so is a name, a number or a class for a config.
        """
        if isinstance(cfg, (str, float, int, type)):
            raise ConfigError(f"a {self.name} is given as a config, dict(type=...), or as a built module; got {cfg!r}")
        if hasattr(cfg, "named_parameters"):  # of torch, which this module does not import
            return cfg
        with naming_errors(type_name(cfg, self.name)):
            return super().build(cfg, *args, **kwargs)

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self.find(key) is not None

    def names(self) -> list[str]:
        """All names that :meth:`get` finds without a scope: ours, MMEngine's, then the fallback's."""
        self.import_from_location()
        for module in self.upstream:
            _import(module)
        names = sorted(self._module_dict) + (sorted(self.parent.module_dict) if self.parent is not None else [])
        return list(dict.fromkeys(names + (self.fallback.names() if self.fallback is not None else [])))

    def _unknown(self, key: str) -> UnknownNameError:
        prefix = key[: key.rfind(".") + 1]
        near = [prefix + name for name in nearest(key[len(prefix) :], self.names())]
        text = f"{key!r} is not a registered {self.name}{did_you_mean(near)}"
        known = [(r, {*r._module_dict, *(r.parent.module_dict if r.parent else ())}) for r in Registry.instances]
        if others := [r.name for r, names in known if r is not self and key in names]:
            text += f" (registered as: {', '.join(others)})"
        elif not near:
            own = sorted(self._module_dict)
            text += f" (registered: {', '.join(own[:12])}{', ...' if len(own) > 12 else ''})" if own else ""
        ours = (*self._locations, *self.upstream, "plug-in ")
        failures = {module: error for module, error in failed_imports.items() if module.startswith(ours)}
        for module, error in failures.items():
            text += f"; {module} could not be imported: {type(error).__name__}: {error}"
        unknown = UnknownNameError(text, near)
        unknown.__cause__ = next(iter(failures.values()), None)
        return unknown

    @contextmanager
    def switch_scope_and_registry(self, scope: str | None) -> Iterator[root.Registry]:
        """The registry of the default scope, or this one (also for ``mmengine``), without MMEngine's warning."""
        with DefaultScope.overwrite_default_scope(scope):
            current = DefaultScope.get_current_instance()
            name = self.scope if current is None or current.scope_name == "mmengine" else current.scope_name
            if name != self.scope:
                with suppress(ImportError):  # a scope is not always a package
                    importlib.import_module(f"{name}.registry")
            yield self.root._search_child(name) or self

    def _register_module(self, module: Any, module_name: Any = None, force: bool = False) -> None:
        names = [module_name] if isinstance(module_name, str) else module_name or [getattr(module, "__name__", "")]
        for name in names if not force else ():
            taken = self._module_dict.get(name)
            if taken is not None:
                owner = f"{getattr(taken, '__module__', '?')}.{getattr(taken, '__qualname__', name)}"
                advice = f"register_module(name='My{name}') gives another name, force=True replaces that one"
                raise ConfigError(f"the {self.name} {name!r} is registered already, {owner}; {advice}")
        super()._register_module(module, module_name, force)
        if self.mirror and self.parent is not None:
            self.parent._register_module(module, module_name, force)


DATASETS = Registry("dataset or source", root.DATASETS, ["mmsync.datasets"], ["mmengine.dataset"])
TRANSFORMS = Registry("transform", root.TRANSFORMS, ["mmsync.datasets.transforms", "mmsync.views"], ["mmcv.transforms"])
DATA_SAMPLERS = Registry("data sampler", root.DATA_SAMPLERS, ["mmsync.datasets.samplers"], ["mmengine.dataset"])
FUNCTIONS = Registry("function", root.FUNCTIONS, ["mmsync.datasets"], ["mmengine.dataset"], mirror=True)

MODELS = Registry("model", root.MODELS, ["mmsync.models", "mmsync.views"], ["mmengine.model", "mmcv.cnn"])
BACKBONES = Registry("backbone", locations=["mmsync.models.backbones"], fallback=MODELS)
NECKS = Registry("neck", locations=["mmsync.models.necks"], fallback=MODELS)
HEADS = Registry("head", locations=["mmsync.models.heads"], fallback=MODELS)
LOSSES = Registry("loss", locations=["mmsync.models.losses"], fallback=MODELS)
MODEL_WRAPPERS = Registry("model wrapper", root.MODEL_WRAPPERS, ["mmsync.engine"], ["mmengine.model"], mirror=True)
WEIGHT_INITIALIZERS = Registry(
    "weight initializer", root.WEIGHT_INITIALIZERS, ["mmsync.models.modules", "mmsync.engine"], ["mmengine.model"]
)
TASK_UTILS = Registry("task util", root.TASK_UTILS, ["mmsync.models"])

RUNNERS = Registry("runner", root.RUNNERS, ["mmsync.engine"], ["mmengine.runner"], mirror=True)
RUNNER_CONSTRUCTORS = Registry("runner constructor", root.RUNNER_CONSTRUCTORS, ["mmsync.engine"], ["mmengine.runner"])
LOOPS = Registry("loop", root.LOOPS, ["mmsync.engine"], ["mmengine.runner"])
HOOKS = Registry("hook", root.HOOKS, ["mmsync.engine.hooks"], ["mmengine.hooks"])
STRATEGIES = Registry("strategy", root.STRATEGIES, ["mmsync.engine"], ["mmengine._strategy"])
LOG_PROCESSORS = Registry("log processor", root.LOG_PROCESSORS, ["mmsync.engine"], ["mmengine.runner"])

OPTIMIZERS = Registry("optimizer", root.OPTIMIZERS, ["mmsync.engine.optimizers"], ["mmengine.optim"])
OPTIM_WRAPPERS = Registry("optimizer wrapper", root.OPTIM_WRAPPERS, ["mmsync.engine.optimizers"], ["mmengine.optim"])
OPTIM_WRAPPER_CONSTRUCTORS = Registry(
    "optimizer wrapper constructor", root.OPTIM_WRAPPER_CONSTRUCTORS, ["mmsync.engine.optimizers"], ["mmengine.optim"]
)
PARAM_SCHEDULERS = Registry(
    "parameter scheduler", root.PARAM_SCHEDULERS, ["mmsync.engine.schedulers"], ["mmengine.optim"]
)

METRICS = Registry("metric", root.METRICS, ["mmsync.evaluation.metrics"], ["mmengine.evaluator"])
PROBES = Registry("probe", locations=["mmsync.evaluation.probes"], fallback=METRICS)
EVALUATOR = Registry("evaluator", root.EVALUATOR, ["mmsync.evaluation"], ["mmengine.evaluator"])
VISUALIZERS = Registry("visualizer", root.VISUALIZERS, ["mmsync.visualization"], ["mmengine.visualization"])
VISBACKENDS = Registry("visualizer backend", root.VISBACKENDS, ["mmsync.visualization"], ["mmengine.visualization"])
INFERENCERS = Registry("inferencer", root.INFERENCERS, ["mmsync.apis.inferencers"], ["mmengine.infer"])
