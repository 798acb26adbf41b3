"""Late fusion of the scores of several streams."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from mmsync.errors import ProtocolError


def fuse_scores(
    scores: Mapping[str, np.ndarray], names: Mapping[str, Sequence[str]], weights: Mapping[str, float]
) -> tuple[np.ndarray, list[str]]:
    """Add the weighted scores of several streams, matched by the name of the sample and never by its place.

    The three-stream numbers of the AimCLR family use raw logits with ``joint=0.6, bone=0.6, motion=0.4``.

    Args:
        scores: Stream name -> ``(N, num_classes)``.
        names: Stream name -> the ``N`` sample names of its rows.
        weights: Stream name -> weight; the streams to fuse.

    Returns:
        The fused scores ``(N, num_classes)`` and the names of their rows, in the order of the first stream.

    Raises:
        ProtocolError: A stream is missing, names repeat, or the streams hold different samples or classes.
    """
    streams = list(weights)
    missing = [stream for stream in streams if stream not in scores or stream not in names]
    if not streams or missing:
        raise ProtocolError(f"score fusion: no scores for {', '.join(missing) or 'any stream'}")
    order = list(names[streams[0]])
    fused = np.zeros_like(scores[streams[0]], dtype=np.float64)
    for stream in streams:
        row = {name: i for i, name in enumerate(names[stream])}
        if len(row) != len(names[stream]) or len(row) != len(scores[stream]):
            raise ProtocolError(
                f"score fusion: stream {stream!r} has {len(scores[stream])} rows, {len(names[stream])} names and "
                f"{len(row)} different names; each row needs a name of its own"
            )
        odd = row.keys() ^ set(order)
        if odd:
            raise ProtocolError(
                f"score fusion: streams {streams[0]!r} and {stream!r} hold different samples, for example "
                f"{sorted(odd)[0]!r} ({len(odd)} in all); evaluate every stream on the same split"
            )
        if scores[stream].shape[1] != fused.shape[1]:
            raise ProtocolError(
                f"score fusion: streams {streams[0]!r} and {stream!r} have {fused.shape[1]} and "
                f"{scores[stream].shape[1]} classes"
            )
        fused += weights[stream] * scores[stream][[row[name] for name in order]]
    return fused, order
