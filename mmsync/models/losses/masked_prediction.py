"""Errors of predicted tokens: squared (MAE, MAMP), and cross entropy of centered features (S-JEPA, DINO)."""

from __future__ import annotations

from torch import Tensor

from mmsync.ops.masked import mean_over_ranks
from mmsync.ops.precision import in_float32


@in_float32
def patch_error(predicted: Tensor, target: Tensor) -> Tensor:
    """Squared error (He et al., 2022, MAE, section 3), a mean over the tokens ``(P, Q, D)`` of all ranks, a scalar."""
    error = (predicted - target).square()
    return mean_over_ranks(error, error.new_tensor(error.numel()))


@in_float32
def feature_error(
    predicted: Tensor, target: Tensor, center: Tensor, temperature: float, target_temperature: float
) -> Tensor:
    """Cross entropy of ``softmax((t - c) / tau_t)`` and ``softmax(s / tau_s)`` (Caron et al., 2021, DINO, eq. 1).

    Args:
        predicted: s, ``(P, Q, D)``.
        target: t, ``(P, Q, D)``, of the momentum encoder.
        center: c, ``(D,)``.
        temperature: tau_s, above 0.
        target_temperature: tau_t, above 0.

    Returns:
        Tensor: The mean over the tokens of all ranks, a scalar.
    """
    goal = ((target - center) / target_temperature).softmax(-1)
    entropy = -(goal * (predicted / temperature).log_softmax(-1)).sum(-1)
    return mean_over_ranks(entropy, entropy.new_tensor(entropy.numel()))
