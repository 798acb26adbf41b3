"""Items that cannot be used: counted and named, and too many of them stop the run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

import torch
from mmengine.logging import print_log

from mmsync.errors import DataError


class Failures:
    """The items of a data set that have failed, in memory shared with its workers.

    At most ``max_share`` of the ``count`` items that are used (``None``: all) may fail. ``what`` names the items in
    messages; ``hint`` ends the one that stops a run.
    """

    def __init__(
        self, names: Sequence[str], max_share: float = 0.01, what: str = "clips", hint: str = "",
        count: Optional[int] = None,
    ) -> None:  # fmt: skip
        self._all, self.max_share, self.what, self.hint = names, max_share, what, hint
        self.count = len(names) if count is None else count
        self._failed = torch.zeros(len(names), dtype=torch.bool).share_memory_()

    def __contains__(self, index: int) -> bool:
        return bool(self._failed[index])

    def __len__(self) -> int:
        return int(self._failed.sum())

    @property
    def indices(self) -> list[int]:
        """The failed items, whichever worker met them."""
        return self._failed.nonzero().flatten().tolist()

    @property
    def names(self) -> list[str]:
        """Names of the failed items."""
        return [self._all[i] for i in self.indices]

    def add(self, index: int, error: Exception, replaced: bool = False) -> None:
        """Log a failure of an item once, whose error names it; a ``DataError`` if there are too many."""
        known = index in self
        self._failed[index] = True
        allowed = int(self.max_share * self.count)
        failed = self.names
        if len(failed) > allowed:
            raise DataError(
                f"{len(failed)} of {self.count} {self.what} are bad, max_bad_share={self.max_share} allows "
                f"{allowed}. Last: {error}. Bad: {', '.join(failed)}. {self.hint}".rstrip()
            ) from error
        if not known:
            print_log(f"left out{' and replaced' * replaced}: {error}", logger="current", level=30)
