"""MAMP (Mao et al., 2023, Masked Motion Predictors are Strong 3D Action Representation Learners)."""

from __future__ import annotations

from torch import Tensor

from mmsync.models.methods.masked import MaskedPrediction
from mmsync.ops.streams import motion_stream
from mmsync.registry import MODELS


@MODELS.register_module()
class MAMP(MaskedPrediction):
    """MAMP: predict the motion of hidden patches, which are chosen by their motion.

    With ``m_t = x_{t+1} - x_t``, zero in the last frame, cut into patches of some frames of a joint, each normalized by
    its own mean and deviation, and predictions ``y (P, Q, D)`` of the Q hidden patches of P persons::

        loss = mean (y - normalize(m))^2

    Args:
        encoder: Config of the encoder; its backbone has tokens.
        decoder: Config of the ``TokenDecoder``; its widths and grid are filled in.
        mask_ratio: Share of the tokens to hide, in (0, 1).
        motion_tau: Temperature of the motion-aware mask: 0.8 for NTU 60 and PKU-MMD, 0.75 for NTU 120; 0: uniform.
        num_coords: The first channels, which are predicted and whose motion counts; ``None``: all.
        data_preprocessor: Config of the preprocessor that makes the view ``clip``.
        init_cfg: MMEngine's initialization config.

    Raises:
        ConfigError: See :class:`MaskedPrediction`.
    """

    def targets(self, rows: Tensor) -> Tensor:
        """Normalized motion ``(P, T', V, D)`` of persons ``(P, T, V, C)``."""
        motion = motion_stream(rows.unsqueeze(1), rows.shape[-1]).squeeze(1)
        return self.normalized(motion)
