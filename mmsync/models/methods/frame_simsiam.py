"""SimSiam of frames (Chen and He, 2021), a baseline of MASA."""

from __future__ import annotations

from torch import Tensor

from mmsync.models.methods.base import Samples, Views
from mmsync.models.methods.sequence import SequenceModel, matched_prediction
from mmsync.models.necks.projector import build_predictor
from mmsync.registry import MODELS, OptConfig, OptPart, Part


@MODELS.register_module()
class FrameSimSiam(SequenceModel):
    """SimSiam of frames: predict the embedding of the same source frame in the other view, without its gradient.

    ``loss = -(cos(p_1, stopgrad(z_2)) + cos(p_2, stopgrad(z_1))) / 2`` over the frames that both views show.

    Args:
        encoder: Config of the encoder of frames, with a projector.
        predictor: Config of the predictor; its widths are filled in. ``None``: two layers with batch normalization.
        data_preprocessor: Config of the preprocessor that makes the views ``first (N, T1, ...)`` and
            ``second (N, T2, ...)``.
        init_cfg: MMEngine's initialization config.
    """

    def __init__(
        self, encoder: Part, predictor: OptPart = None, data_preprocessor: OptPart = None, init_cfg: OptConfig = None
    ) -> None:
        super().__init__(encoder, data_preprocessor, init_cfg)
        channels = self.encoder.out_channels
        self.predictor = build_predictor(predictor, channels, hidden_channels=max(channels // 4, 1))

    def loss(self, views: Views, data_samples: Samples = None) -> dict[str, Tensor]:
        """Compute ``loss_simsiam`` in [-1, 1]."""
        first, second = (self.frames(views[name], data_samples) for name in ("first", "second"))
        one = matched_prediction(self.predictor, first, second, second.data.detach())
        two = matched_prediction(self.predictor, second, first, first.data.detach())
        return {"loss_simsiam": -(one + two) / 2}
