"""Soft nearest neighbors and matches of the frames of two sequences."""

from __future__ import annotations

from typing import Optional, Union

import torch.nn.functional as F
from torch import Tensor

from mmsync.ops.distances import frame_logits
from mmsync.ops.masked import mask_logits, valid_or_all
from mmsync.ops.precision import in_float32


@in_float32
def cycle_logits(
    first: Tensor, second: Tensor, valid_first: Optional[Tensor] = None, valid_second: Optional[Tensor] = None,
    similarity: str = "l2", temperature: float = 0.1,
) -> Tensor:  # fmt: skip
    """Logits of the frame to which each frame of one sequence returns by way of the other (TCC, sec. 3.1).

    A frame is replaced by its soft nearest neighbor, ``softmax(sim(first, second)) second``, whose similarities to the
    first sequence they are. Costs two matrices, ``(P, T1, T2)`` and ``(P, T1, T1)``.

    Args:
        first: ``(P, T1, D)`` embeddings of one sequence of each of P pairs.
        second: ``(P, T2, D)`` of the other.
        valid_first: ``(P, T1)`` bool; ``None``: all.
        valid_second: ``(P, T2)``.
        similarity: ``'l2'`` or ``'cosine'``, see :func:`frame_logits`.
        temperature: Temperature tau, above 0.

    Returns:
        Tensor: ``(P, T1, T1)``, of row j for each frame; columns of padding are out of their softmax.
    """
    valid_first, valid_second = valid_or_all(valid_first, first), valid_or_all(valid_second, second)
    neighbor = frame_logits(first, second, valid_second, similarity, temperature).softmax(-1) @ second
    return frame_logits(neighbor, first, valid_first, similarity, temperature)


@in_float32
def chain_logits(
    embedding: Tensor, valid: Tensor, sequences: Tensor, frame: Tensor, similarity: str = "l2", temperature: float = 0.1
) -> Tensor:
    """Logits ``(C, T)`` of the frame to which single frames return by way of several sequences, as in cycle_logits.

    Args:
        embedding: ``(N, T, D)`` embeddings of a batch.
        valid: ``(N, T)`` bool.
        sequences: ``(C, L)`` int64, the sequences of each cycle, in order.
        frame: ``(C,)`` int64, frames of the first of them.
        similarity: ``'l2'`` or ``'cosine'``, see :func:`frame_logits`.
        temperature: Temperature tau, above 0.
    """
    start, rest = sequences[:, 0], sequences.T[1:]
    query = embedding[start, frame][:, None]
    for hop in rest:
        query = frame_logits(query, embedding[hop], valid[hop], similarity, temperature).softmax(-1) @ embedding[hop]
    return frame_logits(query, embedding[start], valid[start], similarity, temperature)[:, 0]


def expected_index(cosine: Tensor, index: Tensor, valid: Tensor, temperature: Union[float, Tensor]) -> Tensor:
    """Expected index ``(N, T1)`` under the softmax of cosines ``(N, T1, T2)`` over the valid frames ``(N, T2)``."""
    weight = mask_logits(cosine / temperature, valid[:, None]).softmax(-1)
    return (weight @ index.to(weight.dtype)[..., None])[..., 0]


@in_float32
def soft_index(
    first: Tensor, second: Tensor, index_second: Tensor, valid_second: Optional[Tensor] = None, temperature: float = 0.1
) -> Tensor:
    """Source frame that each frame of one view is expected to show, judged by the other view (MASA, eqs. 2 and 3).

    ``sum_k gamma_jk g''(k)`` with ``gamma_jk`` the softmax over valid ``k`` of ``cos(first_j, second_k) / tau``.

    Args:
        first: ``(N, T1, D)`` embeddings; normalized here.
        second: ``(N, T2, D)`` embeddings of the other view.
        index_second: ``(N, T2)`` source frame of each frame of the other view.
        valid_second: ``(N, T2)`` bool; ``None``: all.
        temperature: tau, above 0. The paper prints none, but with 1 a prediction hardly leaves the middle.

    Returns:
        Tensor: ``(N, T1)`` in the unit of ``index_second``; of padded frames, too.
    """
    cosine = F.normalize(first, dim=-1) @ F.normalize(second, dim=-1).transpose(1, 2)
    return expected_index(cosine, index_second, valid_or_all(valid_second, second), temperature)


@in_float32
def matched_cosine(
    a: Tensor, b: Tensor, index_a: Tensor, index_b: Tensor, valid_a: Optional[Tensor] = None,
    valid_b: Optional[Tensor] = None,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Cosines of frames that show the same source frame (MASA, eq. 8), as sums and numbers of pairs.

    Frame-level SimSiam and BYOL are this of predictions and targets, too. The caller stops gradients. Costs one
    product of a matrix ``(N, Ta, Tb)`` of equal indices; frames may repeat, and their order is free.

    Args:
        a: ``(N, Ta, D)`` embeddings; normalized here.
        b: ``(N, Tb, D)`` embeddings of the other view.
        index_a: ``(N, Ta)`` source frames; a frame between two, with a fraction, matches none.
        index_b: ``(N, Tb)``.
        valid_a: ``(N, Ta)`` bool; ``None``: all.
        valid_b: ``(N, Tb)``.

    Returns:
        tuple: Sums ``(N,)`` of the cosines and numbers ``(N,)`` of pairs; both are 0 where no frame matches.
    """
    whole = valid_or_all(valid_a, a) & (index_a == index_a.round())
    same = (index_a[..., None] == index_b[:, None]) & whole[..., None] & valid_or_all(valid_b, b)[:, None]
    partners = same.to(b.dtype) @ F.normalize(b, dim=-1)
    return (F.normalize(a, dim=-1) * partners).sum((1, 2)), same.sum((1, 2))


@in_float32
def clip_cosine(a: Tensor, b: Tensor, valid_a: Optional[Tensor] = None, valid_b: Optional[Tensor] = None) -> Tensor:
    """Cosine ``(N,)`` of the means over the valid frames of ``a (N, Ta, D)`` and ``b (N, Tb, D)``; 0 without frames."""
    one, two = ((x * valid_or_all(valid, x)[..., None]).sum(1) for x, valid in ((a, valid_a), (b, valid_b)))
    return F.cosine_similarity(one, two, dim=-1)
