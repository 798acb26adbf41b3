"""GDT, contrast between modalities (after Patrick et al., 2020, Multi-modal Self-Supervision from Generalized Data
Transformations)."""

from __future__ import annotations

from torch import Tensor

from mmsync.models.losses.cosine import row_cosine
from mmsync.models.methods.avts import TwoStreamModel
from mmsync.models.methods.base import Columns, Samples, Views
from mmsync.registry import LOSSES, MODELS, OptConfig


@MODELS.register_module()
class GDT(TwoStreamModel):
    """InfoNCE between embeddings ``(N, E)`` of pictures and of sound of the same clips, against those of the others.

    It takes a data set whose mix has only ``positive`` windows. Windows of one video at different times in a batch are
    negatives of each other: GDT's distinctiveness to time shifts.

    Args:
        video: Config of the encoder of pictures, with a projector.
        audio: Config of the encoder of sound, with a projector to the same width.
        loss: Config of a loss of two embeddings; ``None``: ``CrossModalNCELoss``.
        data_preprocessor: Config of the preprocessor that makes the views ``video`` and ``audio``.
        init_cfg: MMEngine's initialization config.
    """

    def __init__(
        self, video: dict, audio: dict, loss: OptConfig = None, data_preprocessor: OptConfig = None,
        init_cfg: OptConfig = None,
    ) -> None:  # fmt: skip
        super().__init__(data_preprocessor, init_cfg)
        self.video, self.audio = MODELS.build(video), MODELS.build(audio)
        self.criterion = LOSSES.build(loss or dict(type="CrossModalNCELoss"))

    def loss(self, views: Views, data_samples: Samples = None) -> dict[str, Tensor]:
        """Compute ``loss_contrast``, and the mean cosine ``pos_sim`` for the log."""
        first, second = self.embed(views)
        return {"loss_contrast": self.criterion(first, second), "pos_sim": row_cosine(first, second).mean().detach()}

    def predictions(self, views: Views, data_samples: Samples = None) -> Columns:
        """``feature``, ``feature_audio``, and ``distance (N,)`` or ``distances (N, K)``, 1 less the cosine."""
        found = self.encode_all(views)
        (feature, z), (other, z2) = found["video"], found["audio"]
        if z2.dim() == 3:
            cosine = row_cosine(z[:, None].expand_as(z2).flatten(0, 1), z2.flatten(0, 1)).view(z2.shape[:2])
            return {"feature": feature, "distances": 1 - cosine}
        return {"feature": feature, "feature_audio": other, "distance": 1 - row_cosine(z, z2)}
