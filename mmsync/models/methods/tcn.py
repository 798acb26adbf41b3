"""TCN (Sermanet et al., 2018, Time-Contrastive Networks: Self-Supervised Learning from Video)."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from mmsync.errors import ConfigError
from mmsync.models.methods.base import Samples, Views
from mmsync.models.methods.sequence import SequenceModel
from mmsync.registry import LOSSES, MODELS, OptConfig, OptPart, Part


@MODELS.register_module()
class TCN(SequenceModel):
    """TCN: a frame is nearer to one shortly before it, or to the same moment of another view, than to other moments.

    Args:
        encoder: Config of the encoder of frames.
        positives: ``'window'``: the view ``clip (N, T, ...)`` has anchors and positives in turn, by ``TCNPairs``;
            ``'views'``: the views ``first`` and ``second`` show the same moments, two recordings of one scene.
        loss: Config of the loss; ``None``: ``NPairsLoss``.
        data_preprocessor: Config of the preprocessor that makes the views.
        init_cfg: MMEngine's initialization config.

    Raises:
        ConfigError: Other positives.
    """

    def __init__(
        self, encoder: Part, positives: Literal["window", "views"] = "window", loss: OptConfig = None,
        data_preprocessor: OptPart = None, init_cfg: OptConfig = None,
    ) -> None:  # fmt: skip
        super().__init__(encoder, data_preprocessor, init_cfg)
        if positives not in ("window", "views"):
            raise ConfigError(f"TCN: positives={positives!r}; use 'window' or 'views'")
        self.positives = positives
        self.criterion = LOSSES.build(loss or dict(type="NPairsLoss"))

    @property
    def views_needed(self) -> tuple[str, ...]:  # type: ignore[override]
        return ("clip",) if self.positives == "window" else ("first", "second")

    def loss(self, views: Views, data_samples: Samples = None) -> dict[str, Tensor]:
        """Compute ``loss_tcn``."""
        if self.positives == "window":
            frames = self.frames(views["clip"], data_samples)
            even = frames.data.shape[1] // 2 * 2  # a last frame without a partner is left out
            parts = [(frames.data[:, i:even:2], frames.valid[:, i:even:2]) for i in (0, 1)]
        else:
            found = [self.frames(views[name], data_samples) for name in ("first", "second")]
            parts = [(one.data, one.valid) for one in found]
        (anchor, valid), (positive, other) = parts
        return {"loss_tcn": self.criterion(anchor, positive, valid & other)}
