"""Late fusion of the scores of several streams."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from mmsync.errors import ProtocolError, did_you_mean, nearest
from mmsync.evaluation.functional.scores import Scores, top_accuracy
from mmsync.evaluation.functional.verification import equal_error_rate, pair_auc

WEIGHTS = {
    "aimclr": {"joint": 0.6, "bone": 0.6, "motion": 0.4},  # on raw logits; all three-stream numbers of that family
    "pyskl": {"joint": 2.0, "bone": 2.0, "motion": 1.0, "bone_motion": 1.0},  # its 2:2:1:1
}
"""Published weights of streams."""


def fuse_scores(
    scores: Mapping[str, np.ndarray], names: Mapping[str, Sequence[str]], weights: Mapping[str, float]
) -> tuple[np.ndarray, list[str]]:
    """Add the weighted scores of several streams, matched by sample name.

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
                f"{len(row)} different names; each row needs a unique name"
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


def fuse_streams(streams: Mapping[str, Scores], weights: Mapping[str, float]) -> Scores:
    """Fuse score files of several streams.

    Args:
        streams: Scores by stream.
        weights: Weight by stream.

    Raises:
        ProtocolError: The streams hold different samples, classes or labels.
    """
    fused, names = fuse_scores(
        {name: s.logits for name, s in streams.items()}, {name: s.names for name, s in streams.items()}, weights
    )
    labels = [dict(zip(s.names, s.labels.tolist())) for s in streams.values()]
    wrong = [name for name in names if len({one[name] for one in labels}) > 1]
    if wrong:
        raise ProtocolError(
            f"the score files give {len(wrong)} samples different labels, for example {wrong[0]!r}: they are of "
            "different data sets or class numberings"
        )
    return Scores(names, fused.astype(np.float32), np.array([labels[0][name] for name in names], dtype=np.int64))


def published_weights(name: str, streams: Sequence[str]) -> dict[str, float]:
    """Weights of streams by the name of a published set, or ``'equal'``.

    Args:
        name: Name of the set.
        streams: The streams to fuse.

    Raises:
        ProtocolError: The set is unknown, or has no weight for one of the streams.
    """
    if name == "equal":
        return dict.fromkeys(streams, 1.0)
    if name not in WEIGHTS:
        raise ProtocolError(f"no published weights {name!r}{did_you_mean(nearest(name, [*WEIGHTS, 'equal']))}")
    odd = [stream for stream in streams if stream not in WEIGHTS[name]]
    if odd:
        hint = did_you_mean(nearest(odd[0], WEIGHTS[name]))
        raise ProtocolError(
            f"weights {name!r}: there is no weight for stream {odd[0]!r}{hint}; they are for {', '.join(WEIGHTS[name])}"
        )
    return {stream: WEIGHTS[name][stream] for stream in streams}


def judge_scores(scores: Scores) -> dict[str, float]:
    """Accuracies of class scores, or area under the ROC curve and equal error rate of distances, in percent."""
    if scores.logits.shape[1] > 1:
        found = top_accuracy(scores.logits, scores.labels)
        return {"top-1": found["top1"], "top-5": found["top5"]}
    distance, positive = scores.logits[:, 0], scores.labels == 1
    return {"AUC": 100 * pair_auc(distance, positive), "EER": 100 * equal_error_rate(distance, positive)}
