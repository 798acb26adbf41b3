"""Owens and Efros, 2018, Audio-Visual Scene Analysis with Self-Supervised Multisensory Features."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmsync.models.methods.base import Columns, Samples, SelfSupervisedModel, Views
from mmsync.models.modules.multisensory import EarlyFusion
from mmsync.registry import MODELS, OptConfig


@MODELS.register_module()
class Multisensory(SelfSupervisedModel):
    """Tell the sound of a clip from the same clip's sound at another time, by one network of both (section 3).

    Pictures and sound are encoded for a few layers, then fused (:class:`EarlyFusion`). Both versions of a clip are in
    the batch: view ``audio`` in sync, class 1, and view ``contrast`` shifted, class 0; the loss is the sigmoid
    cross-entropy of one logit, the mean over space and time of a map, which shows where sound comes from (section 4).

    Args:
        video: Config of a video backbone, its features before the fusion.
        audio: Config of an audio backbone of maps ``(P, A, S')``, such as ``WaveformNet``.
        fusion_widths: ``widths`` of :class:`EarlyFusion`.
        strides: Of :class:`EarlyFusion`; less for finer maps.
        reach: Of :class:`EarlyFusion`.
        data_preprocessor: Config of the preprocessor that makes the views ``video``, ``audio`` and ``contrast``.
        init_cfg: MMEngine's initialization config.
    """

    encoders = ("video", "audio")
    views_needed = ("video", "audio", "contrast")
    views_for_features = ("video", "audio")

    def __init__(
        self, video: dict, audio: dict, fusion_widths: Sequence[int] = (128, 512, 128, 128, 256, 512),
        strides: Sequence[int] = (1, 2, 2), reach: int = 3, data_preprocessor: OptConfig = None,
        init_cfg: OptConfig = None,
    ) -> None:  # fmt: skip
        super().__init__(data_preprocessor, init_cfg)
        self.video, self.audio = MODELS.build(video), MODELS.build(audio)
        channels = [encoder.backbone.out_channels for encoder in (self.video, self.audio)]
        self.fusion = EarlyFusion(channels[0], channels[1], fusion_widths, strides, reach)
        self.classifier = nn.Conv3d(self.fusion.out_channels, 1, 1)
        # With larger weights the sound moves the logit at random at first, and the network would learn to ignore it.
        nn.init.normal_(self.classifier.weight, std=0.004)
        nn.init.zeros_(self.classifier.bias)  # type: ignore[arg-type]

    def loss(self, views: Views, data_samples: Samples = None) -> dict[str, Tensor]:
        """Compute ``loss_alignment``, and ``sync_acc`` for the log."""
        pictures = self.video.forward_map(views["video"]).data
        sound = torch.cat([self.audio.forward_map(views[name]).data for name in ("audio", "contrast")])
        logits = self._logit(self.fusion(pictures.repeat(2, 1, 1, 1, 1), sound))
        labels = torch.arange(2, device=logits.device).flip(0).repeat_interleave(len(pictures)).to(logits)
        accuracy = ((logits.detach() > 0) == (labels > 0)).float().mean()
        return {"loss_alignment": F.binary_cross_entropy_with_logits(logits, labels), "sync_acc": accuracy}

    def predictions(self, views: Views, data_samples: Samples = None) -> Columns:
        """``feature``; ``feature_audio``, before the fusion; ``distance (N,)``, the negative logit of alignment;
        ``sound_map (N, H', W')``, the mean magnitude over time and 3 x 3 places of :meth:`sound_maps`."""
        found = self.fused(views)
        sound_map = F.avg_pool2d(self.classifier(found).abs().mean((1, 2)), 3, 1, 1, count_include_pad=False)
        features = {"feature": found.mean((2, 3, 4)), "feature_audio": self.audio.extract(views["audio"])}
        return {**features, "distance": -self._logit(found), "sound_map": sound_map}

    def fused(self, views: Views) -> Tensor:
        """The last map ``(N, D, T', H', W')``."""
        return self.fusion(self.video.forward_map(views["video"]).data, self.audio.forward_map(views["audio"]).data)

    def sound_maps(self, views: Views) -> Tensor:
        """Where the network sees what it hears, ``(N, T', H', W')``: the logit of each place (section 4)."""
        return self.classifier(self.fused(views)).squeeze(1)

    def _logit(self, found: Tensor) -> Tensor:
        return self.classifier(found).mean((1, 2, 3, 4)).float()
