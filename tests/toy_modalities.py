"""Backbones of two modalities that mmsync has none of, and methods on them: nothing in mmsync knows these names."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from mmsync.models.backbones import AudioBackbone, SequenceBackbone
from mmsync.models.methods import SelfSupervisedModel
from mmsync.models.modules.batch_norm import BatchNorm
from mmsync.registry import BACKBONES, LOSSES, MODELS


@BACKBONES.register_module()
class ToySpectrogramNet(AudioBackbone):
    """Spectrograms ``(N, 1, F, T)`` to maps ``(N, D, F', T')``."""

    def __init__(self, in_channels=1, width=8, init_cfg=None):
        super().__init__(in_channels, width, init_cfg)
        self.conv = nn.Conv2d(in_channels, width, 3, stride=2, padding=1)
        self.norm = BatchNorm(width)

    def forward_rows(self, x):
        return self.norm(self.conv(x)).relu()


@BACKBONES.register_module()
class ToyFrameMixer(SequenceBackbone):
    """Sequences ``(N, T, C)`` to ``(N, T', D)``, half as many frames; those that do not count are not mixed in."""

    def __init__(self, in_channels=6, width=8, init_cfg=None):
        super().__init__(in_channels, width, init_cfg)
        self.embed = nn.Linear(in_channels, width)
        self.mix = nn.Conv1d(width, width, 3, stride=2, padding=1)

    def forward_frames(self, x, valid):
        x = self.embed(x)
        x = x if valid is None else x * valid[..., None]
        return self.mix(x.transpose(1, 2)).transpose(1, 2).relu()


@MODELS.register_module()
class ToyPicturesAndSound(SelfSupervisedModel):
    """Draws the embeddings of a video and of its sound together: two encoders, two views."""

    encoders = ("video", "audio")
    views_needed = views_for_features = ("video", "audio")

    def __init__(self, video, audio, data_preprocessor=None, init_cfg=None):
        super().__init__(data_preprocessor, init_cfg)
        self.video, self.audio = MODELS.build(video), MODELS.build(audio)
        self.criterion = LOSSES.build(dict(type="NTXentLoss"))

    def loss(self, views, data_samples=None):
        return {"loss_contrast": self.criterion(self.video(views["video"]), self.audio(views["audio"]))}


@MODELS.register_module()
class ToyMaskedMotion(SelfSupervisedModel):
    """Encodes the visible half of the tokens and predicts the mean of the hidden ones."""

    views_needed = ("clip",)
    needs_tokens = True

    def __init__(self, encoder, data_preprocessor=None, init_cfg=None):
        super().__init__(data_preprocessor, init_cfg)
        self.encoder = MODELS.build(encoder)
        self.predict = nn.Linear(self.encoder.backbone.out_channels, self.encoder.backbone.token_dim)

    def loss(self, views, data_samples=None):
        backbone = self.encoder.backbone
        tokens = backbone.tokens(views["clip"].data.flatten(0, 1))
        places = tokens.flatten(1, 2)
        order = torch.rand(places.shape[:2], device=places.device).argsort(1)
        keep, hide = order.split([order.shape[1] // 2, order.shape[1] - order.shape[1] // 2], 1)
        seen = backbone.encode(tokens, keep)
        target = places.gather(1, hide[..., None].expand(-1, -1, places.shape[2])).detach().mean(1)
        return {"loss_masked": F.mse_loss(self.predict(seen.mean(1)), target)}
