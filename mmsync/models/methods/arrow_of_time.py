"""The arrow of time in video (Wei et al., 2018, Learning and Using the Arrow of Time)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmsync.models.methods.avts import in_sync
from mmsync.models.methods.base import Columns, Samples, SelfSupervisedModel, Views
from mmsync.models.modules.batch_norm import BatchNorm
from mmsync.registry import MODELS, OptConfig


@MODELS.register_module()
class ArrowOfTime(SelfSupervisedModel):
    """Tell forward (0) from backward (1), by K segments of flow that are encoded alike and fused late (T-CAM).

    The segments' maps are concatenated; two 3 x 3 convolutions, each with ReLU, batch norm and dropout, the mean over
    space and a linear layer give one logit; the loss is its sigmoid cross-entropy (sec. 4.1). With ``FlowVGG`` and K =
    2 it has 33,614,465 parameters. The linear layer on the map before the mean shows where time has a direction.

    Args:
        encoder: Config of the encoder of one segment, such as ``FlowVGG``; its pooling is not used.
        segments: Number K of segments.
        hidden_channels: Channels of the fusing convolutions.
        dropout: Probability in [0, 1) after each of them.
        data_preprocessor: Config of the preprocessor that makes the view ``video (N, K, C, T, H, W)``.
        init_cfg: MMEngine's initialization config.
    """

    views_needed = views_for_features = ("video",)

    def __init__(
        self, encoder: dict, segments: int = 2, hidden_channels: int = 1024, dropout: float = 0.5,
        data_preprocessor: OptConfig = None, init_cfg: OptConfig = None,
    ) -> None:  # fmt: skip
        super().__init__(data_preprocessor, init_cfg)
        self.encoder = MODELS.build(encoder)
        width, h = segments * self.encoder.backbone.out_channels, hidden_channels
        layers = [
            (nn.Conv2d(a, h, 3, padding=1), nn.ReLU(True), BatchNorm(h, eps=1e-3), nn.Dropout(dropout))
            for a in (width, h)
        ]
        self.fusion = nn.Sequential(*layers[0], *layers[1])
        self.classifier = nn.Linear(h, 1)

    def fused(self, views: Views) -> Tensor:
        """The last map ``(N, D, H', W')``."""
        view = views["video"]
        segments = self.encoder.forward_map(view.tracks()[0])
        return self.fusion(segments.data.mean(2).unflatten(0, (len(view.data), -1)).flatten(1, 2))

    def loss(self, views: Views, data_samples: Samples = None) -> dict[str, Tensor]:
        """Compute ``loss_direction``, and ``direction_acc`` for the log."""
        logits = self.classifier(self.fused(views).mean((2, 3))).squeeze(1).float()
        backward = in_sync(data_samples, logits, "ArrowDataset")
        accuracy = ((logits.detach() > 0) == backward).float().mean()
        return {
            "loss_direction": F.binary_cross_entropy_with_logits(logits, backward.float()),
            "direction_acc": accuracy,
        }

    def predictions(self, views: Views, data_samples: Samples = None) -> Columns:
        """``feature (N, D)`` after the fusion, and ``distance (N,)``, the negative logit of being played backward."""
        feature = self.fused(views).mean((2, 3))
        return {"feature": feature, "distance": -self.classifier(feature).squeeze(1).float()}

    def direction_maps(self, views: Views) -> Tensor:
        """Where the direction of time is seen, ``(N, H', W')``: the logit of each place."""
        return torch.einsum("ndhw,d->nhw", self.fused(views), self.classifier.weight[0]) + self.classifier.bias
