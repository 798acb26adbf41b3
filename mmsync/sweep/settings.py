"""Settings of a sweep: parsed values, and a checked config for each combination."""

from __future__ import annotations

import itertools
from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmengine.config import DictAction

from mmsync.config import check, load
from mmsync.errors import ConfigError, MMSyncError
from mmsync.protocols import Protocol, lay_over, load_protocol
from mmsync.protocols.tables import digest

_NO_SETTING = ("work_dir", "launcher", "resume")  # these do not change the results of a run


def parse_options(texts: Sequence[str], flag: str) -> dict[str, list[Any]]:
    """Parse ``KEY=V1,V2`` arguments to values by key; those with commas go in brackets, as in ``[1,2],[3]``."""
    options: dict[str, list[Any]] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        holder = Namespace()
        try:
            DictAction([], "values")(None, holder, [f"{key}=[{value}]"])
        except AssertionError as error:
            raise ConfigError(f"{flag} {text}: missing closing bracket") from error
        values = holder.values[key] if key and equals else []
        if not values or "" in values:
            raise ConfigError(f"{flag} {text}: no value; write {key or 'KEY'}=V1,V2")
        if key in options:
            raise ConfigError(f"{flag} {text}: {key} is set twice; write all values in one list")
        if len({repr(v) for v in values}) < len(values):
            raise ConfigError(f"{flag} {text}: a value is given twice")
        options[key] = values
    return options


@dataclass(frozen=True, eq=False)
class Setting:
    """Common settings of the runs in a row of the table."""

    config: str  # the file
    values: Mapping[str, Any]  # values that the sweep sets, by dotted key
    cfg: dict[str, Any]  # resolved
    signature: str  # hash of ``cfg``
    protocols: Mapping[str, str]  # name of each protocol -> hash of its config

    def __str__(self) -> str:
        return _name(Path(self.config).stem, self.values)

    @property
    def folder(self) -> str:
        """Name of the folder, which is different for every resolved config."""
        return f"{Path(self.config).stem}-{self.signature[:10]}"


def make_setting(
    config: str, values: Mapping[str, Any], options: Mapping[str, Any], protocols: Sequence[Protocol]
) -> Setting:
    """Resolve a config with the sweep's ``values`` and the common ``options``; check it and those of its protocols."""
    cfg = load(config, {**options, **values})
    laid = {}
    try:
        check(cfg, files=True)
        for key in ("train_dataloader", "train_cfg", "optim_wrapper"):
            if cfg.get(key) is None:
                raise ConfigError(f"{key}: not set, but training needs it")
        for protocol in protocols:
            data = None if protocol.dataset is None else load(protocol.dataset).to_dict()
            laid[protocol.name] = lay_over(cfg, protocol, data)
            check(laid[protocol.name], files=True)
    except MMSyncError as error:
        message = str(error).replace("--cfg-options", "--set or --cfg-options")
        raise ConfigError(f"{_name(config, values)}: {message}", getattr(error, "problems", ())) from error
    content = {key: value for key, value in cfg.to_dict().items() if key not in _NO_SETTING}
    signatures = {name: digest(one.to_dict()) for name, one in laid.items()}
    return Setting(config, dict(values), content, digest(content), signatures)


def grid(
    configs: Sequence[str], axes: Mapping[str, Sequence[Any]], options: Mapping[str, Any], protocols: Sequence[Protocol]
) -> list[Setting]:
    """Make a checked setting for every config and every combination of the values on the axes, all different."""
    settings: dict[str, Setting] = {}
    for config, *values in itertools.product(configs, *axes.values()):
        setting = make_setting(config, dict(zip(axes, values)), options, protocols)
        other = settings.setdefault(setting.signature, setting)
        if other is not setting:
            raise ConfigError(f"{setting} is the same setting as {other}: their runs do not differ. Remove one of them")
    return list(settings.values())


def load_protocols(names: Sequence[str], folder: Path) -> tuple[list[Protocol], dict[str, str]]:
    """Load protocols by their names in a folder, or by files; also return the given text of each by its name."""
    protocols = {name: load_protocol(name, folder) for name in names}
    known: dict[str, str] = {}
    for name, protocol in protocols.items():
        if known.setdefault(protocol.name, name) != name:
            raise ConfigError(f"--protocols {known[protocol.name]} {name}: both are named {protocol.name}; rename one")
    return list(protocols.values()), known


def _name(config: str, values: Mapping[str, Any]) -> str:
    return " ".join([config, *(f"{key}={brief(value)}" for key, value in values.items())])


def brief(value: Any) -> str:
    """Short text of a value."""
    return f"{value:.6g}" if isinstance(value, float) else str(value)
