"""BYOL of frames (Grill et al., 2020), a baseline of MASA."""

from __future__ import annotations

from torch import Tensor

from mmsync.models.methods.base import Samples, Views
from mmsync.models.methods.sequence import SequenceModel, matched_prediction
from mmsync.models.modules import MomentumEncoder, cosine_momentum
from mmsync.models.necks.projector import build_predictor
from mmsync.registry import MODELS, OptConfig, OptPart, Part


@MODELS.register_module()
class FrameBYOL(SequenceModel):
    """BYOL of frames: predict a moving-average encoder's embedding of the same source frame in the other view.

    ``loss = (2 - 2 cos(p_1, t_2)) + (2 - 2 cos(p_2, t_1))`` over the frames that both views show.

    Args:
        encoder: Config of the encoder of frames, with a projector.
        predictor: Config of the predictor; its widths are filled in. ``None``: two layers with batch normalization.
        momentum: First momentum of the moving average, in [0, 1]; it rises to 1.
        data_preprocessor: Config of the preprocessor that makes the views ``first (N, T1, ...)`` and
            ``second (N, T2, ...)``.
        init_cfg: MMEngine's initialization config.

    Raises:
        ConfigError: A momentum out of range.
    """

    def __init__(
        self, encoder: Part, predictor: OptPart = None, momentum: float = 0.99, data_preprocessor: OptPart = None,
        init_cfg: OptConfig = None,
    ) -> None:  # fmt: skip
        super().__init__(encoder, data_preprocessor, init_cfg)
        channels = self.encoder.out_channels
        self.predictor = build_predictor(predictor, channels, hidden_channels=4 * channels)
        self.target = MomentumEncoder(self.encoder, momentum)
        self.momentum = momentum

    def init_weights(self) -> None:
        """Initialize all weights, then copy the encoder to the target."""
        super().init_weights()
        self.target.follow_init(self.encoder)

    def loss(self, views: Views, data_samples: Samples = None) -> dict[str, Tensor]:
        """Compute ``loss_byol``; the target is updated beforehand."""
        self.target.momentum = cosine_momentum(self.momentum, self.progress)
        self.target.update(self.encoder)
        first, second = (self.frames(views[name], data_samples) for name in ("first", "second"))
        one = matched_prediction(self.predictor, first, second, self.target(views["second"]))
        two = matched_prediction(self.predictor, second, first, self.target(views["first"]))
        return {"loss_byol": 4 - 2 * (one + two), "pos_sim": ((one + two) / 2).detach()}
