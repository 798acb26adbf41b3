"""Evaluation protocols: configs laid over the config of a pretraining, see docs/design/0012-protocols.md."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional, Union

from mmsync.config import load
from mmsync.config.load import Notes
from mmsync.config.places import RUNNER_KEYS
from mmsync.errors import ConfigError, ProtocolError, did_you_mean, nearest

_FACTS = ("title", "metric", "best", "seeds", "dataset")


@dataclass(frozen=True)
class Protocol:
    """A protocol."""

    name: str  # stem of its file
    title: str  # for tables
    metric: str  # name of the result to report, that of the last epoch
    best: Optional[str]  # name of the same result of the best epoch, if it has epochs
    seeds: tuple[int, ...]  # empty if nothing in it is random
    cfg: dict[str, Any]  # the keys of the Runner that it sets
    dataset: Optional[Path] = None  # config file of the data set that it transfers to

    @property
    def trains(self) -> bool:
        """Whether it trains the encoder."""
        return "train_cfg" in self.cfg


def list_protocols(folder: Union[str, Path]) -> dict[str, Path]:
    """Protocol name -> file, of all files below a folder."""
    return {path.stem: path for path in sorted(Path(folder).rglob("*.py"))}


def load_protocol(name: str, folder: Union[str, Path]) -> Protocol:
    """Read a protocol by its name in a folder, or by its path.

    Raises:
        ProtocolError: The name is unknown; the message suggests the nearest.
        ConfigError: The file is no protocol.
    """
    known = list_protocols(folder)
    path = known.get(name, Path(name))
    if path.suffix != ".py" or not path.is_file():
        hint = did_you_mean(nearest(name, known))
        raise ProtocolError(f"no protocol {name!r}{hint} Known protocols: {', '.join(known) or f'none in {folder}'}")
    cfg = load(path, complete=False)  # a part of a config: its defaults are those of the pretraining
    values = cfg.to_dict()
    facts = values.pop("protocol", None)
    if not isinstance(facts, dict) or not {"title", "metric"} <= set(facts):
        raise ConfigError(f"{path}: a protocol needs protocol=dict(title=..., metric=..., best=..., seeds=[...])")
    problems = [f"protocol.{key}: is unknown{did_you_mean(nearest(key, _FACTS))}" for key in facts if key not in _FACTS]
    notes = Notes.of(cfg) or Notes()
    for key in values:
        near = nearest(key, RUNNER_KEYS)
        if key not in RUNNER_KEYS and (near or key in notes.unread):
            problems.append(f"{key}: is no key of the runner{did_you_mean(near)}")
    if problems:
        raise ConfigError("\n  ".join([f"{path} is no protocol:", *problems]), problems)
    own = {key: value for key, value in values.items() if key in RUNNER_KEYS}
    seeds, dataset = tuple(facts.get("seeds") or ()), facts.get("dataset")
    texts = (path.stem, facts["title"], facts["metric"], facts.get("best"))
    return Protocol(*texts, seeds, own, path.parent / dataset if dataset else None)
