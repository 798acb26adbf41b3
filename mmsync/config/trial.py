"""Builds the light parts of a config, which read no data, to see that the values of their arguments are right."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

from mmsync import registry as r
from mmsync.config.fit import Keys
from mmsync.config.places import RUNNER_KEYS, registry_of
from mmsync.errors import MMSyncError

LIGHT = (r.TRANSFORMS, r.PROBES, r.METRICS)
"""Registries of components that take no time and no memory to build."""


def trial_problems(cfg: dict[str, Any]) -> list[str]:
    """Problems of building preprocessors, transforms, probes and metrics, each outermost one; one line each."""
    problems = []
    for keys, part in _light_parts({key: value for key, value in cfg.items() if key in RUNNER_KEYS}, ()):
        registry = r.MODELS if keys[-1] == "data_preprocessor" else registry_of(keys)
        try:
            (registry or r.MODELS).build(copy.deepcopy(part))
        except MMSyncError as error:
            problems.append(f"{'.'.join(keys)}: {error}")
    return problems


def _light_parts(value: Any, keys: Keys) -> Iterable[tuple[Keys, dict[str, Any]]]:
    if isinstance(value, dict):
        typed = isinstance(value.get("type"), str)
        if typed and keys[-1] == "data_preprocessor" and _is_view_preprocessor(value["type"]):
            yield keys, value
            return
        registry = registry_of(keys)
        if typed and registry is not None and registry in LIGHT and registry.find(value["type"]) is not None:
            yield keys, value
            return
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, (list, tuple)) else ()
    for key, item in items:
        yield from _light_parts(item, (*keys, str(key)))


def _is_view_preprocessor(name: str) -> bool:
    return hasattr(r.MODELS.find(name), "feature_views")
