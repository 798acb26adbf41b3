"""A classifier of skeletons or video: the encoder of any method and a head, trained together on labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Optional

import torch
import torch.nn.functional as F
from torch import Tensor

from mmsync.errors import DataError, ProtocolError
from mmsync.models.methods.base import Samples, ViewModel, Views
from mmsync.registry import HEADS, MODELS
from mmsync.structures import FeatureMap, View


@MODELS.register_module()
class Classifier(ViewModel):
    """Classifies clips of any modality by an encoder and a head; for finetuning, or from scratch.

    With ``num_tracks`` it classifies what K people do together, by their features side by side. The loss is
    cross-entropy. A checkpoint of a pretraining method gives its encoder's weights, whose names start with
    ``load_prefix``; the rest of the file is not used.

    Args:
        encoder: Config of the encoder; a projector would not be used.
        head: Config of a head; ``in_channels`` and ``num_joints`` are filled in.
        data_preprocessor: Makes the view ``clip``.
        label_smoothing: In [0, 1).
        eval_mode: Train with dropout off and batch normalisation frozen, as AimCLR's and MBAimCLR's released code does.
        load_prefix: First words of the names of the encoder's weights in a pretraining's checkpoint.
        num_tracks: K, for views of tracks ``(N, K, T, V, C)`` or ``(N, K, C, T, H, W)``, of which each is encoded by
            itself; the head must be one on pooled features. ``None``: a clip is encoded as a whole.
        init_cfg: MMEngine's initialisation config.
    """

    views_needed = ("clip",)

    def __init__(
        self,
        encoder: dict,
        head: dict,
        data_preprocessor: Optional[dict] = None,
        label_smoothing: float = 0.0,
        eval_mode: bool = False,
        load_prefix: str = "encoder.",
        num_tracks: Optional[int] = None,
        init_cfg: Optional[dict] = None,
    ) -> None:
        super().__init__(data_preprocessor, init_cfg)
        self.encoder = MODELS.build(encoder)
        backbone = self.encoder.backbone
        joints = getattr(getattr(backbone, "layout", None), "num_joints", None)
        pooled = self.encoder.pooled_channels * (num_tracks or 1)
        sizes = dict(in_channels=backbone.out_channels, num_joints=joints, pooled_channels=pooled)
        self.head = HEADS.build({**sizes, **head})
        self.label_smoothing, self.eval_mode, self.load_prefix = label_smoothing, eval_mode, load_prefix
        self.num_tracks = num_tracks
        self.train()

    def train(self, mode: bool = True) -> Classifier:
        """Sets training mode, in which ``eval_mode`` keeps everything as in evaluation."""
        return super().train(mode and not self.eval_mode)

    def adapt_state_dict(self, state_dict: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """The weights under the names of this model; a checkpoint of a classifier comes back as it is.

        Only the encoder is taken over: the preprocessor's seed and step are those of the pretraining.
        """
        if {f"head.{key}" for key in self.head.state_dict()} <= set(state_dict):
            return state_dict
        size = len(self.load_prefix)
        encoder = {f"encoder.{k[size:]}": v for k, v in state_dict.items() if k.startswith(self.load_prefix)}
        return encoder or state_dict

    def _logits(self, view: View) -> tuple[Tensor, FeatureMap]:
        if self.num_tracks is not None:
            if view.data.shape[1] != self.num_tracks or (view.present is not None and not view.present.all()):
                raise DataError(
                    f"model.num_tracks={self.num_tracks}, but the batch has {view.data.shape[1]} tracks, or not all of "
                    "them everywhere; take pairs, or scenes of as many people"
                )
            view, _ = view.tracks()
        feature = self.encoder.forward_map(view)
        return self.head(feature, self.encoder.pool_neck if self.num_tracks is None else self._pool), feature

    def _pool(self, feature: FeatureMap) -> Tensor:
        """``(N, K D)``, tracks side by side."""
        pooled = self.encoder.pool(feature)
        return pooled if self.num_tracks is None else pooled.unflatten(0, (-1, self.num_tracks)).flatten(1)

    def loss(self, views: Views, data_samples: Samples = None) -> dict[str, Tensor]:
        """Cross-entropy of the view ``clip``.

        Args:
            views: ``clip``, a batch of N samples.
            data_samples: Their labels.

        Returns:
            dict: ``loss_ce``; for the log, ``top1`` of the batch in [0, 1].

        Raises:
            ProtocolError: A clip has no label, or one that the head has no class for.
        """
        logits = self._logits(views["clip"])[0]
        samples = list(data_samples or ())
        labels = torch.tensor([int(sample.get("gt_label", -1)) for sample in samples])
        bad = ((labels < 0) | (labels >= logits.shape[1])).nonzero().flatten().tolist()
        if bad:
            raise ProtocolError(
                f"clip {samples[bad[0]].get('name', '?')} has label {int(labels[bad[0]])}, but model.head has "
                f"{logits.shape[1]} classes (labels 0 to {logits.shape[1] - 1}; -1 is unknown). Set "
                "model.head.num_classes to that of the data, and train on labelled clips only"
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
