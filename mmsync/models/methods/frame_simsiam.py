"""SimSiam of frames (Chen and He, 2021), a baseline of MASA."""

from __future__ import annotations

from torch import Tensor

from mmsync.models.losses.index_matching import matched_cosine
from mmsync.models.methods.base import Samples, Views
from mmsync.models.methods.sequence import SequenceModel
from mmsync.models.necks.projector import build_predictor
from mmsync.ops.frames import map_valid
from mmsync.ops.masked import mean_over_ranks
from mmsync.registry import MODELS, OptConfig, OptPart, Part
from mmsync.structures import Frames


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
        one, two = self._cosine(first, second), self._cosine(second, first)
        return {"loss_simsiam": -(one + two) / 2}

    def _cosine(self, first: Frames, second: Frames) -> Tensor:
        predicted = map_valid(self.predictor, first.data, first.valid)
        about = (first.index, second.index, first.valid, second.valid)
        return mean_over_ranks(*matched_cosine(predicted, second.data.detach(), *about))
