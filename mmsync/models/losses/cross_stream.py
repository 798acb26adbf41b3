"""InfoNCE with positives across streams (Li et al., 2021, CrosSCLR)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from mmsync.models.losses.info_nce import multi_positive_nce, nearest_neighbor_mask


def cross_view_nce(logits: Sequence[Tensor], temperature: float, topk: int = 1, context: bool = True) -> list[Tensor]:
    """InfoNCE of each stream with positives that the other streams find (Li et al., 2021, section 3.2).

    The queues are aligned, so an entry of one is the same clip in the others. The positives of stream ``u`` are its key
    and the entries nearest to the query of stream ``v``; its loss is the mean over all other ``v``.

    Args:
        logits: Of each stream, ``(N, 1 + K)`` cosines over the temperature, the key in column 0.
        temperature: Temperature tau, above 0.
        topk: Entries that a stream names, in [1, K].
        context: Whether the products of the cosines of ``u`` and ``v``, ``(N, K)`` over tau, stand beside the logits,
            with the same positives, as in the released code.

    Returns:
        list: A scalar for each stream.
    """
    masks = [nearest_neighbor_mask([one.detach()[:, 1:]], topk) for one in logits]
    losses = []
    for u, own in enumerate(logits):
        terms = []
        for v, (other, mask) in enumerate(zip(logits, masks)):
            if v == u:
                continue
            parts = [(own, mask)]
            if context:
                parts.append((own[:, 1:] * other[:, 1:] * temperature, mask[:, 1:]))
            scores, positives = (torch.cat(part, 1) for part in zip(*parts))
            terms.append(multi_positive_nce(scores, positives))
        losses.append(torch.stack(terms).mean())
    return losses
