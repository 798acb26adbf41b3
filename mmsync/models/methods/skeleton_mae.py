"""SkeletonMAE: masked autoencoding (He et al., 2022) of joints (Wu et al., 2023), as in the code of MAMP."""

from __future__ import annotations

from typing import Optional

from torch import Tensor

from mmsync.models.methods.masked import MaskedPrediction
from mmsync.registry import MODELS, OptConfig, OptPart, Part


@MODELS.register_module()
class SkeletonMAE(MaskedPrediction):
    """SkeletonMAE: predict the coordinates of hidden patches, which are chosen uniformly.

    With patches ``x (P, Q, D)`` of some frames of a joint, the Q hidden ones of P persons, each normalized by its own
    mean and deviation (MAE, section 3), and predictions ``y``::

        loss = mean (y - normalize(x))^2

    Args:
        encoder: Config of the encoder; its backbone has tokens.
        decoder: Config of the ``TokenDecoder``; its widths and grid are filled in.
        mask_ratio: Share of the tokens to hide, in (0, 1).
        num_coords: The first channels, which are predicted; ``None``: all.
        data_preprocessor: Config of the preprocessor that makes the view ``clip``.
        init_cfg: MMEngine's initialization config.

    Raises:
        ConfigError: See :class:`MaskedPrediction`.
    """

    def __init__(
        self, encoder: Part, decoder: OptPart = None, mask_ratio: float = 0.9, num_coords: Optional[int] = None,
        data_preprocessor: OptPart = None, init_cfg: OptConfig = None,
    ) -> None:  # fmt: skip
        super().__init__(encoder, decoder, mask_ratio, 0.0, num_coords, data_preprocessor, init_cfg)

    def targets(self, rows: Tensor) -> Tensor:
        """Normalized coordinates ``(P, T', V, D)`` of persons ``(P, T, V, C)``."""
        return self.normalized(rows)
