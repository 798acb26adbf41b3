"""Make single slips in configs, and count how many are reported before training: ``python tools/misc/config_slips.py``.

    python tools/misc/config_slips.py [CONFIG ...] [--kinds letters negative ...] [--every]

Each slip changes one place of a correct config. It is caught if the check (``mmsync.config.check``) or the building of
what the place belongs to (model, data set, evaluator, optimizer, schedule, hooks) raises a ``MMSyncError``; nothing is
trained. The kinds:

=========  =============================================================================================================
letters    a letter of a key or of a ``type`` is replaced, dropped, inserted or swapped with the next; caught only if
           the check names what was meant. Below the file's variables a slip has no effect once they are used
top        the same in a top-level key that is given by ``--cfg-options``
text       a number or a truth value is given as a string, ``max_epochs="2"``
number     a string is given as the number 3
list       a plain value is given as a list of one
negative   the sign of a number is changed
zero       a number is 0
large      a share (probability, dropout, momentum ...) is 10
choice     a letter of a string is wrong
file       the name of a file or folder has a letter more
=========  =============================================================================================================

Only slips that make the config wrong count; one that gives another valid config (``lr=0.1`` for ``0.2``) is no mistake
that a program can see. Which these are is a judgement, made here and independently of the check: for ``text``,
``number`` and ``list`` the argument's annotation decides (``joint: Union[int, str]`` takes both); ``NEGATIVE``,
``ZERO``, ``FREE`` list the arguments for which a sign, a zero or another word is fine, ``SHARES`` those up to 1.
Slips of letters count even if they give another valid name. The tenfold of an unbounded number (a rate, a number of
channels) is not tried. Where data is missing, a data set cannot be built, and only the check can catch a slip in it;
slips in the name of a split, which only the data know, are then left out.
"""

from __future__ import annotations

import argparse
import copy
import random
import re
import string
import sys
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from mmengine.config import Config, ConfigDict
from mmengine.logging import MMLogger
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope

from mmsync import registry as r
from mmsync.config import check, load, places
from mmsync.config.signature import accepted, mismatch
from mmsync.engine.hooks import CheckpointHook
from mmsync.errors import ConfigError, MMSyncError

ROOT = Path(__file__).resolve().parents[2]
LETTERS = ("substitute", "delete", "insert", "transpose")
KINDS = ("letters", "top", "text", "number", "list", "negative", "zero", "large", "choice", "file")

NEGATIVE = re.compile(
    r"interval|max_keep_ckpts|low|high|alpha|beta|gamma|angles|amplitude_range|seed|label|joint|origin_joint"
)
"""Arguments that may be negative: -1 for none, angles, the nearer end of a range, indices from the end."""

ZERO = re.compile(
    r"low|high|alpha|beta|gamma|angles|distance|seed|joint|origin_joint|.*weight|weight_decay|dropout|momentum|ratio|prob"
    r"|std|amplitude|max_degrees|num_workers|opencv_num_threads|start_epoch|mining_epoch|lr|eta_max|pct_start|stages"
    r"|brightness|contrast|saturation|hue|positive|easy|medium|hard|shift|interval|max_keep_ckpts|d3m_weight"
    r"|milestones|lr_mult|decay_mult|trust_coefficient|warmup"
)
"""Arguments that may be 0: amounts, weights, moments of time, and -- pointless but meant by some -- rates."""

FREE = re.compile(
    r".*(root|file|path|npz)|name|title|experiment_name|work_dir|prefix|default_scope|runner_type|imports"
)
"""Strings that may be any word, or that are ``file`` slips."""

SPLITS = ("split", "bank", "query")
"""Names of splits, which only the data know."""

SHARES = re.compile(
    r"(.*_)?prob|p|dropout|pct_start|max_bad_share|share|momentum|confidence|drop_threshold|test_crop|hue"
)
"""Numbers that are at most 1."""


def misspell(word: str, kind: str, seed: str) -> str:
    """``word`` with one slip of a letter; the same for the same seed. Scopes before a dot stay."""
    rng = random.Random(f"{seed}/{kind}")
    prefix, _, word = word.rpartition(".")
    at = rng.randrange(len(word))
    letter = rng.choice(string.ascii_lowercase)
    if kind == "substitute":
        word = word[:at] + letter + word[at + 1 :]
    elif kind == "delete":
        word = word[:at] + word[at + 1 :]
    elif kind == "insert":
        word = word[:at] + letter + word[at:]
    else:
        at = rng.randrange(max(1, len(word) - 1))
        word = word[:at] + word[at : at + 2][::-1] + word[at + 2 :]
    return f"{prefix}.{word}" if prefix else word


def named_places(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any, str]]:
    """Path, dict and key of everything that has a name in a config."""
    if isinstance(value, dict):
        for key in list(value):
            yield (*path, key), value, key
            yield from named_places(value[key], (*path, key))
    elif isinstance(value, (list, tuple)):
        for i, item in enumerate(value):
            yield from named_places(item, (*path, str(i)))


def rename(cfg: dict, old: str, new: str) -> None:
    """Rename a key in place, at its position."""
    items = {(new if key == old else key): value for key, value in cfg.items()}
    cfg.clear()
    cfg.update(items)


def told(cfg: Config, path: str, meant: str) -> bool:
    """Whether the check reports a problem at this path that suggests what was meant."""
    try:
        check(cfg)
    except ConfigError as error:
        lines = [p for p in error.problems if p.startswith(f"{path}:")]
        return any(repr(meant) in re.split("did you mean ", line, maxsplit=1)[-1].split("?")[0] for line in lines)
    return False


def letter_slips(cfg: Config, seen: set | None = None) -> tuple[int, list[str]]:
    """Number of slips of letters made in a correct config, and those that were not told.

    Args:
        cfg: The config.
        seen: Names tried before, of the same path and type; they are left out and the others added.
    """
    made, missed = 0, []
    names = [one for one in named_places(cfg._cfg_dict) if one[0][0] in places.RUNNER_KEYS or not one[0][1:]]
    for path, owner, key in names:
        name = (path, owner.get("type"), owner[key] if key == "type" else None)
        if seen is not None and name in seen:
            continue
        if seen is not None:
            seen.add(name)
        for kind in LETTERS:
            seed = ".".join(path)
            wrong = misspell(key, kind, seed)
            if wrong and wrong not in owner:  # an empty key, or one that exists, cannot be written
                made += 1
                rename(owner, key, wrong)
                if not told(cfg, ".".join((*path[:-1], wrong)), key):
                    missed.append(f"{seed} -> {wrong}")
                rename(owner, wrong, key)
            value = owner[key]
            if key == "type" and isinstance(value, str):
                wrong = misspell(value, kind, f"{seed}=")
                if wrong and wrong != value:
                    made += 1
                    owner[key] = wrong
                    if not told(cfg, seed, value):
                        missed.append(f"{seed}={value} -> {wrong}")
                    owner[key] = value
    return made, missed


def top_slips(path: Path, seen: set) -> tuple[int, list[str]]:
    """Number of slips in top-level keys that options name, and those that were accepted."""
    made, missed = 0, []
    cfg = load(path)
    for key in [key for key in cfg if key not in seen]:
        seen.add(key)
        for kind in LETTERS:
            wrong = misspell(key, kind, key)
            if wrong and wrong not in cfg and wrong not in places.RUNNER_KEYS:
                made += 1
                try:
                    check(load(path, {wrong: cfg[key]}))
                    missed.append(f"{wrong}={cfg[key]!r}")
                except ConfigError:
                    pass
    return made, missed


def leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any, Any]]:
    """Path, owner and value of every plain value; a tuple is no owner, so its items come with their place in it."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, (list, tuple)) else ()
    for key, item in items:
        if isinstance(item, (dict, list, tuple)):
            yield from leaves(item, (*path, str(key)))
        elif isinstance(item, (bool, int, float, str)) and key != "type":
            yield (*path, str(key)), value, item


def value_slips(name: str, value: Any, kinds: tuple[str, ...], item: bool) -> Iterator[tuple[str, Any]]:
    """Kind and wrong value of every slip that this argument can have; ``item``: it is one of a list."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if isinstance(value, (bool, int, float)):
        yield "text", str(value)
    if isinstance(value, str) and not FREE.fullmatch(name):
        yield "number", 3
        for kind in LETTERS if len(value) > 1 else ():  # another letter is another axis
            yield "choice", misspell(value, kind, f"{name}={value}")
    if not item:
        yield "list", [value]
    if number and value > 0 and not NEGATIVE.fullmatch(name):
        yield "negative", -value
    if number and value and not ZERO.fullmatch(name):
        yield "zero", 0
    if number and 0 < value <= 1 and SHARES.fullmatch(name):
        yield "large", 10.0
    if isinstance(value, str) and places.FILE_ARGUMENTS.fullmatch(name):
        yield "file", f"{value}x"


class Builder:
    """Builds what a place of a config belongs to; what cannot be built as it is, for want of data, catches nothing."""

    def __init__(self) -> None:
        self.sound: dict[str, bool] = {}

    def catches(self, correct: dict[str, Any], wrong: dict[str, Any], path: tuple[str, ...]) -> bool:
        """Whether building the part with the slip at ``path`` raises a ``MMSyncError``."""
        for make, place in self.parts(path):
            part = at(correct, place)
            key = f"{make.__name__}{place}{part!r}"
            if key not in self.sound:
                self.sound[key] = self.attempt(make, correct, place) is None
            if self.sound[key] and isinstance(self.attempt(make, wrong, place), MMSyncError):
                return True
        return False

    def has_data(self, cfg: dict[str, Any], path: tuple[str, ...]) -> bool:
        """Whether the data set of a place can be built."""
        place = path[: path.index("dataset") + 1]
        key = f"{build_dataset.__name__}{place}{at(cfg, place)!r}"
        if key not in self.sound:
            self.sound[key] = self.attempt(build_dataset, cfg, place) is None
        return self.sound[key]

    @staticmethod
    def attempt(make: Callable[[dict[str, Any], Any], Any], cfg: dict[str, Any], place: tuple[str, ...]) -> Any:
        """The error of building a part, or None."""
        try:
            with torch.device("meta") if make is build_model else contextless():
                make(cfg, copy.deepcopy(at(cfg, place)))
        except Exception as error:  # anything; only a MMSyncError counts
            return error
        return None

    @staticmethod
    def parts(path: tuple[str, ...]) -> Iterator[tuple[Callable[..., Any], tuple[str, ...]]]:
        """What a place belongs to: how it is built, and its place."""
        top = path[0]
        if top == "model":
            yield build_model, ("model",)
        elif top.endswith("_dataloader") and "pipeline" in path and len(path) > path.index("pipeline") + 2:
            yield build_transform, path[: path.index("pipeline") + 2]
        elif top.endswith("_dataloader") and len(path) > 2 and path[1] == "dataset":
            yield build_dataset, path[:2]
        elif top.endswith("_evaluator"):
            yield build_evaluator, (top,)
        elif top in ("optim_wrapper", "param_scheduler"):
            yield build_optimisation, (top,)
        elif top in ("default_hooks", "custom_hooks") and len(path) > 1:
            yield build_hook, path[:2]


@contextmanager
def contextless() -> Iterator[None]:
    """A context without effect."""
    yield


def at(cfg: Any, place: tuple[str, ...]) -> Any:
    """The value at a place."""
    for key in place:
        cfg = cfg[int(key)] if isinstance(cfg, (list, tuple)) else cfg[key]
    return cfg


def build_model(cfg: dict[str, Any], part: Any) -> None:
    r.MODELS.build(part)


def build_transform(cfg: dict[str, Any], part: Any) -> None:
    r.TRANSFORMS.build(part)


def build_dataset(cfg: dict[str, Any], part: Any) -> None:
    r.DATASETS.build(part)


def build_hook(cfg: dict[str, Any], part: Any) -> None:
    """A hook; that of checkpoints compares its results with those of the validation, as it does before training."""
    part.pop("priority", None)
    hook = r.HOOKS.build(part)
    if isinstance(hook, CheckpointHook) and cfg.get("val_evaluator"):
        evaluator = SimpleNamespace(metrics=metrics_of(copy.deepcopy(cfg["val_evaluator"])))
        hook._check_save_best(SimpleNamespace(val_loop=SimpleNamespace(evaluator=evaluator)))


def metrics_of(part: Any) -> list[Any]:
    """The metrics of an evaluator."""
    return [r.METRICS.build(metric) for metric in (part if isinstance(part, list) else [part])]


def build_evaluator(cfg: dict[str, Any], part: Any) -> None:
    metrics_of(part)


def build_optimisation(cfg: dict[str, Any], part: Any) -> None:
    """The optimizer of a single weight, and its schedules."""
    wrapper = build_optim_wrapper(torch.nn.Linear(1, 1), ConfigDict(copy.deepcopy(cfg["optim_wrapper"])))
    schedules = cfg.get("param_scheduler") or []
    for schedule in schedules if isinstance(schedules, list) else [schedules]:
        one = dict(schedule, optimizer=wrapper)
        to_iterations = one.pop("convert_to_iter_based", False)
        scheduler = r.PARAM_SCHEDULERS.get(one["type"])
        if to_iterations:
            scheduler.build_iter_from_epoch(**{k: v for k, v in one.items() if k != "type"}, epoch_length=10)
        else:
            r.PARAM_SCHEDULERS.build(one)


def component_of(cfg: dict[str, Any], path: tuple[str, ...]) -> tuple[Any, Any]:
    """The annotation of the argument at a path, and the type of the component that takes it."""
    place = path[:-1]
    owner = at(cfg, place)
    while isinstance(owner, (list, tuple)):
        place = place[:-1]
        owner = at(cfg, place)
    name = owner.get("type") if isinstance(owner, dict) else None
    registry = places.registry_of(place)
    target = registry.find(name) if registry is not None and isinstance(name, str) else None
    taken_out = places.EXTRA.get(registry.name, {}) if registry is not None else {}
    known = {**accepted(target).annotations, **taken_out} if target is not None else {}
    return known.get(path[len(place)]), name


def put(cfg: dict[str, Any], path: tuple[str, ...], value: Any) -> dict[str, Any]:
    """A copy of a config with another value at a path."""
    if not path:
        return value
    if isinstance(cfg, dict):
        return {key: put(old, path[1:], value) if key == path[0] else old for key, old in cfg.items()}
    return type(cfg)(put(old, path[1:], value) if str(i) == path[0] else old for i, old in enumerate(cfg))


def slips_of_values(
    cfg: Config, kinds: tuple[str, ...], seen: set, builder: Builder
) -> dict[str, list[tuple[str, bool]]]:
    """By kind: each slip made, and whether it was caught."""
    found: dict[str, list[tuple[str, bool]]] = defaultdict(list)
    correct = smaller({key: value for key, value in cfg.to_dict().items() if key in places.RUNNER_KEYS})
    for path, owner, value in leaves(correct):
        annotation, type_ = component_of(correct, path)
        name = next(key for key in reversed(path) if not key.isdigit())
        item = isinstance(owner, (list, tuple))
        for kind, wrong in value_slips(name, value, kinds, item):
            key = (path, type_, kind, wrong if kind == "choice" else None)
            if kind not in kinds or key in seen or wrong == value:
                continue
            seen.add(key)
            if kind in ("text", "number", "list") and annotation is not None:
                whole = put(at(correct, path[:-1]), path[-1:], wrong) if item else wrong
                if mismatch(whole, annotation) is None:
                    continue
            if kind == "choice" and "dataset" in path and path[-1] in SPLITS and not builder.has_data(correct, path):
                continue
            changed = put(correct, path, wrong)
            caught = caught_by_check(changed, wrong if kind == "file" else None) or builder.catches(
                correct, changed, path
            )
            found[kind].append((f"{'.'.join(path)}={value!r} -> {wrong!r}", caught))
    return found


def smaller(cfg: dict[str, Any]) -> dict[str, Any]:
    """The config with few clips of the built-in world, which are made in no time."""
    if isinstance(cfg, dict):
        few = {"num_clips": (2, 2)} if cfg.get("type") == "SyntheticSource" else {}
        return {**{key: smaller(value) for key, value in cfg.items()}, **few}
    return type(cfg)(map(smaller, cfg)) if isinstance(cfg, (list, tuple)) else cfg


def caught_by_check(cfg: dict[str, Any], file: str | None = None) -> bool:
    """Whether the check reports a problem; of an absent ``file``, only one that names it."""
    try:
        check(cfg, files=file is not None)
    except ConfigError as error:
        return file is None or any(str(Path(file).absolute()) in problem for problem in error.problems)
    return False


def shipped() -> list[Path]:
    """All experiments of ``configs`` and ``projects``."""
    found = [*(ROOT / "configs").rglob("*.py"), *(ROOT / "projects").glob("**/configs/**/*.py")]
    return sorted(path for path in found if not {"_base_", "benchmarks"} & set(path.relative_to(ROOT).parts))


def measure(
    configs: list[Path], kinds: tuple[str, ...] = KINDS, every: bool = False
) -> dict[str, list[tuple[str, bool]]]:
    """By kind: each slip, and whether it was caught. Without ``every``, what several configs share is tried once."""
    total: dict[str, list[tuple[str, bool]]] = defaultdict(list)
    builder, seen_letters, seen_tops, seen_values = Builder(), set(), set(), set()
    for path in configs:
        if every:
            seen_letters, seen_tops, seen_values = set(), set(), set()
        cfg = load(path)
        init_default_scope(cfg.default_scope)
        counts = {}
        if "letters" in kinds:
            counts["letters"] = letter_slips(load(path), seen_letters)
        if "top" in kinds:
            counts["top"] = top_slips(path, seen_tops)
        for kind, (made, missed) in counts.items():
            total[kind] += [(f"{path.stem}: {one}", False) for one in missed] + [("", True)] * (made - len(missed))
        for kind, slips in slips_of_values(cfg, kinds, seen_values, builder).items():
            total[kind] += [(f"{path.stem}: {text}", caught) for text, caught in slips]
    return total


def main() -> None:
    """Measure, and print the shares and what was missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("configs", nargs="*", type=Path, metavar="CONFIG", help="config files (default: all shipped)")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS, help="default: all")
    parser.add_argument("--every", action="store_true", help="every place of every config, also if another has it")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    MMLogger.get_current_instance().setLevel("ERROR")  # data sets report their splits
    sys.path.append(str(ROOT))  # projects are imported from there
    try:
        total = measure(args.configs or shipped(), tuple(args.kinds), args.every)
    except MMSyncError as error:
        sys.exit(f"{type(error).__name__}: {error}")
    for kind, slips in total.items():
        missed = [text for text, caught in slips if not caught]
        print(f"\n{kind}: {len(slips) - len(missed)} of {len(slips)} caught, {1 - len(missed) / len(slips):.2%}")
        print("".join(f"  missed {text}\n" for text in missed), end="")
    slips = [one for some in total.values() for one in some]
    print(
        f"\nall: {sum(caught for _, caught in slips) / max(len(slips), 1):.2%} of {len(slips)} caught before training"
    )


if __name__ == "__main__":
    main()
