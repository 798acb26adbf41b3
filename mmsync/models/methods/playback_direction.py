"""The arrow of time of any modality (after Wei et al., 2018, Learning and Using the Arrow of Time)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmsync.errors import ConfigError
from mmsync.models.methods.base import Columns, Samples, SelfSupervisedModel, Views
from mmsync.registry import MODELS, OptConfig
from mmsync.structures import View


@MODELS.register_module()
class PlaybackDirection(SelfSupervisedModel):
    """Tell clips from their reversal, with any backbone: both versions of each clip are in the batch.

    The view ``forward`` is class 0, the view ``backward``, which ends with a reversal of time, class 1; the loss is the
    sigmoid cross-entropy of one logit, a linear layer on the features ``(N, D)``. Evaluation reverses the views of
    clips itself, which is right for positions and pictures but not for differences between frames.

    Args:
        encoder: Config of the encoder, without a projector.
        data_preprocessor: Config of the preprocessor that makes the views ``forward`` and ``backward``.
        init_cfg: MMEngine's initialization config.
    """

    views_needed = ("forward", "backward")

    def __init__(self, encoder: dict, data_preprocessor: OptConfig = None, init_cfg: OptConfig = None) -> None:
        super().__init__(data_preprocessor, init_cfg)
        self.encoder = MODELS.build(encoder)
        self.classifier = nn.Linear(self.encoder.out_channels, 1)

    def loss(self, views: Views, data_samples: Samples = None) -> dict[str, Tensor]:
        """Compute ``loss_direction``, and ``direction_acc`` for the log."""
        # one batch of both: the statistics of a batch of one direction would tell it
        both = View.join([views[name] for name in self.views_needed])
        scores = self.classifier(self.encoder(both)).squeeze(1).float()
        labels = torch.arange(2, device=scores.device).repeat_interleave(len(scores) // 2).to(scores)
        accuracy = ((scores.detach() > 0) == (labels > 0)).float().mean()
        return {"loss_direction": F.binary_cross_entropy_with_logits(scores, labels), "direction_acc": accuracy}

    def predictions(self, views: Views, data_samples: Samples = None) -> Columns:
        """``feature (N, D)``, and ``backward (N, 2)``, the logits of being played backward of clip and reversed clip.

        Raises:
            ConfigError: The data preprocessor gives differences between frames.
        """
        view = views["clip"]
        if "motion" in getattr(self.data_preprocessor, "stream", "") or getattr(
            self.data_preprocessor, "difference", False
        ):
            raise ConfigError(
                "PlaybackDirection reverses positions or pictures; drop motion or difference from the views"
            )
        backbone = self.encoder.backbone
        time = view.data.dim() - backbone.row_dim + backbone.frame_axis
        valid = None if view.valid is None else view.valid.flip(1)
        reverse = view._replace(data=view.data.flip(time), valid=valid)
        logits = [self.classifier(self.encoder(one)).squeeze(1).float() for one in (view, reverse)]
        return {"feature": self.extract_feat(views), "backward": torch.stack(logits, 1)}
