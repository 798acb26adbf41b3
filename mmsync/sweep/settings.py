"""What is to run: values as typed, and a checked config for each combination of them."""

from __future__ import annotations

import hashlib
import itertools
import json
from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmengine.config import DictAction

from mmsync.config import check, load
from mmsync.errors import ConfigError, MMSyncError
from mmsync.protocols.benchmark import Protocol, lay_over, load_protocol

_NO_SETTING = ("work_dir", "launcher", "resume")  # say where and how a run goes on, not what it computes


def parse_options(texts: Sequence[str], flag: str) -> dict[str, list[Any]]:
    """Key -> values, of ``KEY=V1,V2`` texts; a value with commas of its own stands in brackets, as in ``[1,2],[3]``.

    Args:
        texts: As typed.
        flag: Where they were typed, for messages.

    Raises:
        ConfigError: A text has another form or no value, or a key comes twice.
    """
    options: dict[str, list[Any]] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        holder = Namespace()
        try:
            DictAction([], "values")(None, holder, [f"{key}=[{value}]"])
        except AssertionError as error:
            raise ConfigError(f"{flag} {text}: a bracket is not closed") from error
        values = holder.values[key] if key and equals else []
        if not values or "" in values:
            raise ConfigError(f"{flag} {text}: holds no value; write {key or 'KEY'}=V1,V2")
        if key in options:
            raise ConfigError(f"{flag} {text}: {key} is set twice; write all its values in one list")
        if len({repr(v) for v in values}) < len(values):
            raise ConfigError(f"{flag} {text}: a value comes twice")
        options[key] = values
    return options


@dataclass(frozen=True, eq=False)
class Setting:
    """What the runs of one row of the table have in common.

    Attributes:
        config: The config file.
        values: What the sweep sets in it, by dotted key.
        cfg: The resolved config.
        signature: Of ``cfg``.
        protocols: Name of each protocol -> signature of the config that it runs.
    """

    config: str
    values: Mapping[str, Any]
    cfg: dict[str, Any]
    signature: str
    protocols: Mapping[str, str]

    def __str__(self) -> str:
        return _name(Path(self.config).stem, self.values)

    @property
    def folder(self) -> str:
        """Name of its folder: another one for any change of the config."""
        return f"{Path(self.config).stem}-{self.signature[:10]}"


def make_setting(
    config: str, values: Mapping[str, Any], options: Mapping[str, Any], protocols: Sequence[Protocol]
) -> Setting:
    """Resolve a config and check it, and what its protocols run.

    Args:
        config: The config file.
        values: What the sweep sets in it, by dotted key.
        options: What every setting of the sweep sets, by dotted key.
        protocols: Evaluations of the last checkpoint.

    Raises:
        ConfigError: Everything that is wrong with one of the configs.
    """
    cfg = load(config, {**options, **values})
    cfg.setdefault("default_scope", "mmsync")
    laid = {}
    try:
        check(cfg, files=True)
        for key in ("train_dataloader", "train_cfg", "optim_wrapper"):
            if cfg.get(key) is None:
                raise ConfigError(f"{key}: not set, but training needs it")
        for protocol in protocols:
            data = None if protocol.dataset is None else load(protocol.dataset).to_dict()
            laid[protocol.name] = lay_over(cfg, protocol, data)
            laid[protocol.name].setdefault("default_scope", "mmsync")
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
    """Every config with every combination of values, all of them checked.

    Args:
        configs: Config files.
        axes: Values by dotted key.
        options: What every setting sets, by dotted key.
        protocols: Evaluations of the last checkpoint.

    Raises:
        ConfigError: A config has problems, or two settings are the same.
    """
    settings: dict[str, Setting] = {}
    for config, *values in itertools.product(configs, *axes.values()):
        setting = make_setting(config, dict(zip(axes, values)), options, protocols)
        other = settings.setdefault(setting.signature, setting)
        if other is not setting:
            raise ConfigError(
                f"{setting} is the same setting as {other}: nothing that is run differs. Leave one of them out"
            )
    return list(settings.values())


def load_protocols(names: Sequence[str], folder: Path) -> tuple[list[Protocol], dict[str, str]]:
    """The protocols, and what ``tools/benchmark.py`` knows each by.

    Args:
        names: Names of shipped protocols, or files.
        folder: The shipped protocols.

    Raises:
        ConfigError: Two have the same name.
    """
    protocols = {name: load_protocol(name, folder) for name in names}
    known: dict[str, str] = {}
    for name, protocol in protocols.items():
        if known.setdefault(protocol.name, name) != name:
            raise ConfigError(f"--protocols {known[protocol.name]} {name}: both are called {protocol.name}; rename one")
    return list(protocols.values()), known


def _name(config: str, values: Mapping[str, Any]) -> str:
    return " ".join([config, *(f"{key}={brief(value)}" for key, value in values.items())])


def digest(value: Any) -> str:
    """Hexadecimal SHA-1 of anything that a config can hold."""
    return hashlib.sha1(json.dumps(value, sort_keys=True, default=repr).encode()).hexdigest()


def brief(value: Any) -> str:
    """A value for the eyes."""
    return f"{value:.6g}" if isinstance(value, float) else str(value)
