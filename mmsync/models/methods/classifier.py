"""Supervised classifier: the encoder of any method and a head, trained together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Optional

import torch
import torch.nn.functional as F
from torch import Tensor

from mmsync.errors import ConfigError, DataError, ProtocolError
from mmsync.models.methods.base import Samples, ViewModel, Views
from mmsync.models.modules import build_encoder
from mmsync.registry import HEADS, MODELS, OptConfig, OptPart, Part
from mmsync.structures import FeatureMap, View


@MODELS.register_module()
class Classifier(ViewModel):
    """Classifier of clips of any modality: an encoder and a head, finetuned or trained from scratch by cross-entropy.

    With ``num_tracks`` it classifies interactions of K people by their concatenated features. From a checkpoint of a
    pretraining method it loads the encoder's weights, whose names start with ``load_prefix``, and ignores the rest.

    Args:
        encoder: Config of the encoder; a projector is not used.
        head: Config of a head; ``in_channels`` and ``num_joints`` are filled in.
        data_preprocessor: Config of the preprocessor that makes the view ``clip``.
        label_smoothing: In [0, 1).
        eval_mode: Whether to train with dropout off and batch normalization frozen, as AimCLR's released code does.
        load_prefix: Prefix of the encoder's weights in a checkpoint of pretraining.
        num_tracks: K, for views of tracks ``(N, K, T, V, C)`` or ``(N, K, C, T, H, W)``, each encoded
            separately; the head must take pooled features. ``None``: a clip is encoded as a whole.
        init_cfg: MMEngine's initialization config.

    Raises:
        ConfigError: ``num_tracks`` or ``label_smoothing`` out of range, or with tracks a head that does not pool them.
    """

    views_needed = ("clip",)
    predicts_with = ("head.",)

    def __init__(
        self, encoder: Part, head: Part, data_preprocessor: OptPart = None, label_smoothing: float = 0.0,
        eval_mode: bool = False, load_prefix: str = "encoder.", num_tracks: Optional[int] = None,
        init_cfg: OptConfig = None,
    ) -> None:  # fmt: skip
        super().__init__(data_preprocessor, init_cfg)
        if not 0 <= label_smoothing < 1 or (num_tracks is not None and num_tracks < 1):
            text = f"model: {label_smoothing=}, {num_tracks=}"
            raise ConfigError(f"{text}; give a label_smoothing in [0, 1), and num_tracks of at least 1 or None")
        self.encoder = build_encoder(encoder)
        backbone = self.encoder.backbone
        joints = getattr(getattr(backbone, "layout", None), "num_joints", None)
        pooled = self.encoder.pooled_channels * (num_tracks or 1)
        sizes = dict(in_channels=backbone.out_channels, num_joints=joints, pooled_channels=pooled)
        self.head = HEADS.build(head, default_args=sizes)
        if num_tracks is not None and not getattr(self.head, "pools", True):
            raise ConfigError(
                f"model.head: {type(self.head).__name__} takes the joints of one track, but model.num_tracks="
                f"{num_tracks} concatenates pooled features of tracks; take dict(type='LinearHead')"
            )
        self.label_smoothing, self.eval_mode, self.load_prefix = label_smoothing, eval_mode, load_prefix
        self.num_tracks = num_tracks
        self.train()

    def train(self, mode: bool = True) -> Classifier:
        """Set training mode; ``eval_mode`` keeps all layers in evaluation mode."""
        return super().train(mode and not self.eval_mode)

    def adapt_state_dict(self, state_dict: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Rename a checkpoint's encoder weights for this model; a classifier's checkpoint is returned unchanged."""
        if {f"head.{key}" for key in self.head.state_dict()} <= set(state_dict):
            return state_dict
        size = len(self.load_prefix)
        encoder = {f"encoder.{k[size:]}": v for k, v in state_dict.items() if k.startswith(self.load_prefix)}
        return encoder or state_dict

    def _logits(self, view: View) -> tuple[Tensor, FeatureMap]:
        if self.num_tracks is not None:
            self._check_tracks(view)
            view, _ = view.tracks()
        feature = self.encoder.forward_map(view)
        return self.head(feature, self.encoder.pool_neck if self.num_tracks is None else self._pool), feature

    def _check_tracks(self, view: View) -> None:
        tracks, wanted = view.data.shape[1], f"model.num_tracks={self.num_tracks}"
        if tracks != self.num_tracks:
            advice = f"set model.num_tracks={tracks}, or choose so many tracks in the data set"
            raise DataError(f"{wanted}, but the clips have {tracks} tracks: {advice}")
        absent = [] if view.present is None else (~view.present.all(1)).nonzero().flatten().tolist()
        if absent:
            text = f"{len(absent)} of {len(view.data)} clips of the batch lack a track, the first is number {absent[0]}"
            raise DataError(f"{wanted}, but {text}: leave such clips out, or classify whole clips (num_tracks=None)")

    def _pool(self, feature: FeatureMap) -> Tensor:
        """Pool to ``(N, D)``, or with tracks to ``(N, K D)``, concatenated."""
        pooled = self.encoder.pool(feature)
        return pooled if self.num_tracks is None else pooled.unflatten(0, (-1, self.num_tracks)).flatten(1)

    def loss(self, views: Views, data_samples: Samples = None) -> dict[str, Tensor]:
        """Compute ``loss_ce`` of ``clip`` and ``top1`` in [0, 1]; a ProtocolError without a label that the head has."""
        logits = self._logits(views["clip"])[0]
        samples = list(data_samples or ())
        labels = torch.tensor([int(sample.get("gt_label", -1)) for sample in samples])
        bad = ((labels < 0) | (labels >= logits.shape[1])).nonzero().flatten().tolist()
        if bad:
            raise ProtocolError(
                f"clip {samples[bad[0]].get('name', '?')} has label {int(labels[bad[0]])}, but model.head has "
                f"{logits.shape[1]} classes; set model.head.num_classes, and train on labeled clips only"
            )
        labels = labels.to(logits.device, non_blocking=True)
        return {
            "loss_ce": F.cross_entropy(logits, labels, label_smoothing=self.label_smoothing),
            "top1": (logits.detach().argmax(1) == labels).float().mean(),
        }

    def predictions(self, views: Views, data_samples: Samples = None) -> dict[str, Tensor]:
        """``score (N, num_classes)``, the logits, and ``feature (N, D)``."""
        logits, feature = self._logits(views["clip"])
        return {"score": logits, "feature": self._pool(feature)}

    def tensor(self, views: Views, data_samples: Samples = None) -> Tensor:
        """Logits ``(N, num_classes)``."""
        return self._logits(views["clip"])[0]
