"""Exceptions of mmsync, and suggestions for misspelled names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


class MMSyncError(Exception):
    """Base of every error that mmsync raises on purpose."""


class ConfigError(MMSyncError, ValueError):
    """A config cannot be built; ``problems`` has a line ``config.path: problem`` for each reason."""

    def __init__(self, message: str, problems: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.problems = tuple(problems)


class UnknownNameError(ConfigError, KeyError):
    """A name is not registered where its place in the config requires it; MMEngine raises a ``KeyError`` for that."""

    def __init__(self, message: str, suggestions: Sequence[str] = ()) -> None:
        super().__init__(message, [message])
        self.suggestions = tuple(suggestions)

    def __str__(self) -> str:  # KeyError prints the repr
        return str(self.args[0])


class DataError(MMSyncError, ValueError):
    """A file or sample cannot be used; the message names it."""


class LayoutError(MMSyncError, ValueError):
    """Two skeleton layouts differ; the message names both and a remap, if there is one."""


class CheckpointError(MMSyncError, RuntimeError):
    """A checkpoint is damaged, unsafe to load, or of another model."""


class ContractError(MMSyncError, AssertionError):
    """A component does not keep the contract of its kind; the message names the component and what to write."""


class ProtocolError(MMSyncError, ValueError):
    """An evaluation protocol does not apply to the data."""


class DependencyError(MMSyncError, ImportError):
    """An optional package is missing; the message gives the pip command."""


class Interrupted(KeyboardInterrupt):
    """A training was interrupted from the keyboard; the message says what is saved."""

    def __init__(self, message: str, saved: bool) -> None:
        super().__init__(message)
        self.saved = saved  # whether there is a checkpoint to resume from


def unwritten(owner: object, method: str) -> ContractError:
    """The error of a method that a subclass has to write, given as ``'load(index)'``."""
    return ContractError(f"{type(owner).__name__} has no `{method}`, which its base class leaves to it; write one")


def edit_distance(a: str, b: str) -> int:
    """Number of substitutions, insertions, deletions and swaps of neighbors that turn ``a`` into ``b``."""
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        before, last, row = row, before, [i]
        for j, y in enumerate(b, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
    return row[-1]


def nearest(word: str, options: Iterable[str], distance: int | None = None) -> list[str]:
    """Find up to three equally near names within an edit distance, by default a third of the word's length, 1 to 3."""
    limit = min(3, max(1, len(word) // 3)) if distance is None else distance
    best: list[str] = []
    for option in dict.fromkeys(map(str, options)):
        if abs(len(option) - len(word)) > limit or option == word:
            continue
        d = edit_distance(word.casefold(), option.casefold())
        if d < limit or (d == limit and not best):
            best, limit = [option], d
        elif d == limit:
            best.append(option)
    return sorted(best, key=lambda option: edit_distance(word, option))[:3]  # prefer letters in the same case


def count_problems(problems: Sequence[str]) -> str:
    """``"a problem"`` or ``"3 problems"``."""
    return "a problem" if len(problems) == 1 else f"{len(problems)} problems"


FILL = "write zeros where a joint or a person is absent; FillJoints, first in a pipeline, fills joints"
"""Advice on joints that are no numbers."""


def did_you_mean(suggestions: Sequence[str]) -> str:
    """``"; did you mean 'x'?"``, or an empty string without suggestions."""
    return f"; did you mean {' or '.join(map(repr, suggestions))}?" if suggestions else ""
