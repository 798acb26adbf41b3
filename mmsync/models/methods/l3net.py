"""L3-Net (Arandjelovic and Zisserman, 2017, Look, Listen and Learn)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmsync.models.methods.avts import TwoStreamModel, in_sync
from mmsync.models.methods.base import Columns, Samples, Views
from mmsync.registry import MODELS, OptConfig


@MODELS.register_module()
class L3Net(TwoStreamModel):
    """Audio-visual correspondence: a still picture and a second of sound, of one moment or of two videos.

    The features ``(N, D)`` of both towers are concatenated and classified by two linear layers with a ReLU between
    them; the loss is the cross-entropy of two classes, 0 for a mismatch and 1 for a match (section 2).

    Args:
        video: Config of the encoder of pictures; the published one has no projector. One with batch norm, which
            centers the features, is of use in short trainings; probes see the features before it.
        audio: Config of the encoder of sound, likewise.
        hidden_channels: Width of the first linear layer.
        data_preprocessor: Config of the preprocessor that makes the views ``video`` and ``audio``.
        init_cfg: MMEngine's initialization config.
    """

    def __init__(
        self, video: dict, audio: dict, hidden_channels: int = 128, data_preprocessor: OptConfig = None,
        init_cfg: OptConfig = None,
    ) -> None:  # fmt: skip
        super().__init__(data_preprocessor, init_cfg)
        self.video, self.audio = MODELS.build(video), MODELS.build(audio)
        width = self.video.out_channels + self.audio.out_channels
        self.fusion = nn.Sequential(nn.Linear(width, hidden_channels), nn.ReLU(True), nn.Linear(hidden_channels, 2))

    def loss(self, views: Views, data_samples: Samples = None) -> dict[str, Tensor]:
        """Compute ``loss_correspondence``, and ``sync_acc`` for the log."""
        logits = self.fusion(torch.cat(self.embed(views), 1)).float()
        positive = in_sync(data_samples, logits)
        accuracy = (logits.detach().argmax(1) == positive).float().mean()
        return {"loss_correspondence": F.cross_entropy(logits, positive.long()), "sync_acc": accuracy}

    def predictions(self, views: Views, data_samples: Samples = None) -> Columns:
        """``feature``, ``feature_audio``, and ``distance (N,)``, the logit of a mismatch less that of a match."""
        found = self.encode_all(views)
        logits = self.fusion(torch.cat([found[name][1] for name in self.encoders], 1)).float()
        features = {"feature": found["video"][0], "feature_audio": found["audio"][0]}
        return {**features, "distance": logits[:, 0] - logits[:, 1]}
