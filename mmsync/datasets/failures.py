"""Items that cannot be used: counted and named, and too many of them stop the run."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from mmengine.logging import print_log

from mmsync.errors import DataError


class Failures:
    """Which items of a data set have failed, in memory shared with its workers.

    Args:
        names: Name of each item.
        max_share: Share of the items in [0, 1] that may fail.
        what: What the items are, for messages.
        hint: What a user can do, for the message that stops a run.
        done: What is done with a failed item, for the log.
    """

    def __init__(
        self,
        names: Sequence[str],
        max_share: float = 0.01,
        what: str = "clips",
        hint: str = "",
        done: str = "left out",
    ) -> None:
        self._all, self.max_share, self.what, self.hint, self.done = names, max_share, what, hint, done
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
        """Their names."""
        return [self._all[i] for i in self.indices]

    def add(self, index: int, error: Exception) -> None:
        """Count and log a failure.

        Args:
            index: Of the item.
            error: What went wrong; it should name the item.

        Raises:
            DataError: More have failed than ``max_share`` allows; the message lists them all.
        """
        self._failed[index] = True
        allowed = int(self.max_share * len(self._all))
        failed = self.names
        if len(failed) > allowed:
            raise DataError(
                f"{len(failed)} of {len(self._all)} {self.what} are bad, max_bad_share={self.max_share} allows "
                f"{allowed}. Last: {error}. Bad: {', '.join(failed)}. {self.hint}".rstrip()
            ) from error
        print_log(f"{self.done}: {error}", logger="current", level=30)
