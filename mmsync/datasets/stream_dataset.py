"""Windows of any two streams of one clock: skeletons, inertial sensors, other signals."""

from __future__ import annotations

from typing import Any, ClassVar, Union

import numpy as np

from mmsync.datasets.sync_dataset import SyncDataset
from mmsync.errors import DataError
from mmsync.registry import DATASETS


@DATASETS.register_module()
class StreamDataset(SyncDataset):
    """Windows of the two streams of a :class:`StreamSource`, inputs of these names: ``(N, T, ...)`` each.

    See :class:`SyncDataset` for the kinds of samples. A stream of r samples a second gives ``T = round(duration * r)``
    of each window; each window begins at the sample nearest to its start.

    Args:
        source: A ``StreamSource``, or its config.
        mix: See :class:`SyncDataset`, as are all others.
        duration: Length of the windows, seconds.
        gap: Least and largest time between the windows of ``hard`` samples, seconds.
        overlap: Seconds by which the windows of ``super_hard`` samples overlap.
        num_samples: Samples of an epoch, in each role.
        keyed: ``split``, ``roles``, ``seed`` and the others of :class:`SyncDataset`.

    Raises:
        ConfigError: Numbers out of their ranges.
        DataError: No recording has both streams at the same time, or the data lack a kind that the mix asks for.
    """

    item: ClassVar[str] = "recording"

    def extent(self, place: int) -> Union[tuple[float, float], str]:
        try:
            found = [self.source.extent(place, name) for name in self.source.streams]
        except DataError as error:
            return f"cannot be read ({error})"
        return max(start for start, _ in found), min(end for _, end in found)

    def read_row(self, row: np.ndarray, kind: str, index: int) -> dict[str, Any]:
        inputs = {}
        for name, item, start in zip(self.source.streams, row[:4:2].tolist(), row[1:4:2].tolist()):
            with self.counted(item):
                inputs[name] = (self.source.read(item, name, start / 1e6, self.duration),)
        return {"inputs": inputs, "data_samples": self.describe_row(row, kind, index)}
