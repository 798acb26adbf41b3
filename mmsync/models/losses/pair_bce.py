"""Binary cross-entropy of positive and negative pairs (Prajwal et al., 2020, Wav2Lip, section 3.1)."""

from __future__ import annotations

from typing import Optional

import torch.nn.functional as F
from torch import Tensor, nn

from mmsync.errors import ConfigError
from mmsync.models.losses.contrastive import require_pairs, weighted_mean
from mmsync.models.losses.cosine import row_cosine
from mmsync.ops.precision import in_float32
from mmsync.registry import LOSSES


@in_float32
def pair_cross_entropy(distance: Tensor, positive: Tensor, threshold: float, temperature: float) -> Tensor:
    """Binary cross-entropy ``(P,)`` of pairs, ``positive (P,)`` or not, at a distance ``(P,)``.

    ``-y log p - (1 - y) log(1 - p)`` with the probability ``p = sigmoid((threshold - d) / temperature)`` that a pair is
    in synchrony.
    """
    logits = (threshold - distance) / temperature
    return F.binary_cross_entropy_with_logits(logits, positive.to(logits.dtype), reduction="none")


@LOSSES.register_module()
class PairBCELoss(nn.Module):
    """Binary cross-entropy of pairs of embeddings ``(P, D)`` by their cosine, in place of ``ContrastiveLoss``.

    With ``d = 1 - cos(z1, z2)`` and ``y`` 1 for positive pairs, the mean over P of ``-y log p - (1 - y) log(1 - p)``,
    ``p = sigmoid((threshold - d) / temperature)``. The defaults are ``sigmoid(10 cos - 5)``, the scale and offset that
    the trainer of SyncNet (Chung et al., 2020, Perfect Match) starts from; Wav2Lip takes the cosine of rectified
    embeddings itself as ``p``.

    Args:
        threshold: Distance of probability one half, in (0, 2).
        temperature: Difference of the distance that changes the logit by 1, above 0.

    Raises:
        ConfigError: A number out of range.
    """

    def __init__(self, threshold: float = 0.5, temperature: float = 0.1) -> None:
        super().__init__()
        if not 0 < threshold < 2 or not temperature > 0:
            raise ConfigError(
                f"PairBCELoss: {threshold=} must be in (0, 2), a distance 1 - cos; {temperature=} above 0"
            )
        self.threshold, self.temperature = threshold, temperature

    def distance(self, first: Tensor, second: Tensor) -> Tensor:
        """Cosine distances ``(...)``, in [0, 2], of embeddings ``(..., D)``."""
        return 1 - row_cosine(first, second)

    def forward(self, distance: Tensor, positive: Tensor, weight: Optional[Tensor] = None) -> Tensor:
        """Loss of distances ``(P,)`` with labels ``(P,)``, a scalar; a ``weight (P,)`` of 0 excludes a pair.

        Raises:
            ContractError: They are something else, such as two embeddings.
        """
        require_pairs(self, distance, positive)
        return weighted_mean(pair_cross_entropy(distance, positive, self.threshold, self.temperature), weight)
