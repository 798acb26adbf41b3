"""Masked prediction: patches of skeletons, masks that hide some of them, and how predicted features are compared."""

from __future__ import annotations

import torch
from torch import Tensor

from mmsync.ops.masked import mean_over_ranks
from mmsync.ops.precision import in_float32


def patchify(x: Tensor, frames: int, joints: int = 1) -> Tensor:
    """Cut persons ``(P, T, V, C)`` into patches of some frames of one joint, or of several in a row.

    Returns:
        Tensor: ``(P, T / frames, V / joints, frames * joints * C)``.
    """
    return x.unflatten(2, (-1, joints)).unflatten(1, (-1, frames)).transpose(2, 3).flatten(3)


def normalize_patches(x: Tensor, eps: float = 1e-6) -> Tensor:
    """Patches ``(..., K)`` without their mean, over their standard deviation; ``eps`` is added to the variance.

    The variance is the unbiased one, as in the code of MAE (He et al., 2022, section 3) and MAMP (Mao et al., 2023).
    """
    x = x - x.mean(-1, keepdim=True)
    variance = x.square().sum(-1, keepdim=True) / max(x.shape[-1] - 1, 1)
    return x * (variance + eps).rsqrt()


def motion_log_weights(patches: Tensor, tau: float) -> Tensor:
    """Log probabilities by which motion chooses the patches to hide (Mao et al., 2023, MAMP, section 3.3).

    The motion of a patch is the mean distance of its values from those of the patch before, of the first one that of
    the second. The weights are its softmax within a person, with the largest motion scaled to ``1 / tau``.

    Args:
        patches: ``(P, T', V, K)``, of coordinates.
        tau: Temperature, at least 0; 0: all patches weigh the same.

    Returns:
        Tensor: ``(P, T' * V)``.
    """
    motion = patches.new_zeros(patches.shape[:3])
    if tau > 0 and patches.shape[1] > 1:
        change = patches.diff(dim=1).abs().mean(3)
        motion = torch.cat([change[:, :1], change], 1)
    motion = motion.flatten(1)
    return (motion / (motion.amax(1, keepdim=True) * tau + 1e-10)).log_softmax(1)


def split_tokens(log_weights: Tensor, uniform: Tensor, ratio: float) -> tuple[Tensor, Tensor]:
    """Draw which tokens are visible and which are hidden, without replacement, hidden ones by their weights.

    The largest of ``log w + g``, with Gumbel noise ``g = -log(-log u)``, are hidden (Kool et al., 2019, Stochastic
    Beams). ``int(L * (1 - ratio))`` are visible, as in MAMP's code: of 750 tokens and 0.9, 74 in floating point.

    Args:
        log_weights: ``(P, L)``.
        uniform: ``(P, L)``, numbers u in [0, 1).
        ratio: Share of the tokens to hide, in (0, 1); at least one token is visible and at least one hidden.

    Returns:
        tuple: Positions in ``[0, L)`` of the visible tokens ``(P, K)`` and the hidden ones ``(P, L - K)``, int64.
    """
    places = log_weights.shape[1]
    visible = min(max(int(places * (1 - ratio)), 1), places - 1)
    order = (log_weights - (-uniform.log()).log()).argsort(1)
    return order[:, :visible], order[:, visible:]


def take_tokens(x: Tensor, places: Tensor) -> Tensor:
    """Tokens of ``x (P, L, D)`` at ``places (P, K)``: ``(P, K, D)``."""
    return x.gather(1, places.unsqueeze(-1).expand(-1, -1, x.shape[-1]))


@in_float32
def feature_cross_entropy(
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
