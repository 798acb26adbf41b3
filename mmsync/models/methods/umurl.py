"""UmURL (Sun et al., 2023, Unified Multi-modal Unsupervised Representation Learning for Skeleton-based Actions)."""

from __future__ import annotations

import copy
import itertools

import torch
from mmengine.model import ModuleDict
from torch import Tensor

from mmsync.errors import ConfigError, DataError
from mmsync.models.losses import VICRegLoss
from mmsync.models.methods.base import Columns, Samples, SelfSupervisedModel, Views
from mmsync.models.methods.streams import layout_of
from mmsync.models.modules import build_encoder
from mmsync.ops.streams import parse_stream
from mmsync.registry import MODELS, NECKS, OptConfig, OptPart, Part
from mmsync.structures import View


@MODELS.register_module()
class UmURL(SelfSupervisedModel):
    """One encoder of all streams together, whose feature has to contain that of every stream alone.

    The preprocessor puts S streams side by side, ``(N, M, T, V, S C)``. Where the encoder begins with a linear map, it
    sees the mean of their embeddings; a stream alone is S times its channels among zeros. Of the view ``first`` all
    streams are encoded together, and of ``second`` each alone; a projector for each stream maps both to ``Z`` and
    ``Z'``::

        loss = mean_s [lambda s(Z_s, Z'_s) + mu (v(Z_s) + v(Z'_s)) + nu (c(Z_s) + c(Z'_s))]
             + lambda mean_{s < u} s(Z'_s, Z'_u)

    with ``s``, ``v`` and ``c`` of :class:`mmsync.models.losses.VICRegLoss`: consistency within and between streams, and
    variance and covariance against collapse. ``mu`` and ``nu`` are as released; ``lambda``, and that the views differ,
    are ours.

    Args:
        encoder: Config of the encoder, without a projector.
        projector: Config of the projection neck of each stream; ``None``: ``MLPProjector`` with batch norm.
        data_preprocessor: Config of the preprocessor that makes the views ``first`` and ``second`` of several streams.
        consistency_weight: Weight lambda of consistency.
        variance_weight: Weight mu of the variance.
        covariance_weight: Weight nu of the covariance.
        init_cfg: MMEngine's initialization config.

    Raises:
        ConfigError: A preprocessor of a single stream, an encoder with a projector, or a negative weight.
        LayoutError: A backbone without a layout.
        DataError: Channels that are not those of as many streams.
    """

    views_needed = ("first", "second")
    least_batch = 2

    def __init__(
        self, encoder: Part, projector: OptPart = None, data_preprocessor: OptPart = None,
        consistency_weight: float = 5.0, variance_weight: float = 5.0, covariance_weight: float = 1.0,
        init_cfg: OptConfig = None,
    ) -> None:  # fmt: skip
        super().__init__(data_preprocessor, init_cfg)
        self.encoder = build_encoder(encoder)
        layout_of(self.encoder, "UmURL")
        stream = getattr(self.data_preprocessor, "stream", "joint+motion+bone")
        names = parse_stream(stream)
        if len(names) < 2:
            text = "UmURL encodes several streams together, as 'joint+motion+bone'"
            raise ConfigError(f"model.data_preprocessor.stream={stream!r}: {text}")
        if self.encoder.projector is not None:
            raise ConfigError("model.encoder.projector: UmURL has a projector for each stream; set model.projector")
        default = dict(in_channels=self.encoder.out_channels)
        projector = dict(type="MLPProjector", norm=True) if projector is None else projector
        parts = {name: NECKS.build(copy.deepcopy(projector), default_args=default) for name in names}
        self.projectors = ModuleDict(parts)
        self.criterion = VICRegLoss(consistency_weight, variance_weight, covariance_weight)

    def alone(self, view: View, stream: str) -> View:
        """A view in which one stream stands for all."""
        names = list(self.projectors)
        width, rest = divmod(view.data.shape[-1], len(names))
        if rest:
            raise DataError(f"clips have {view.data.shape[-1]} channels, which are not those of {' and '.join(names)}")
        factor = view.data.new_zeros(len(names), width)
        factor[names.index(stream)] = len(names)
        return view._replace(data=view.data * factor.flatten())

    def loss(self, views: Views, data_samples: Samples = None) -> dict[str, Tensor]:
        """Compute ``loss_invariance``, ``loss_variance`` and ``loss_covariance``, and ``loss_inter`` of streams."""
        parts = [views["first"], *(self.alone(views["second"], name) for name in self.projectors)]
        features = self.encoder(View.join(parts)).chunk(len(parts))  # one pass, so that all have the same statistics
        pairs = [
            projector(torch.cat([features[0], own])).chunk(2)
            for projector, own in zip(self.projectors.values(), features[1:])
        ]
        terms = [self.criterion.terms(together, own) for together, own in pairs]
        losses = {f"loss_{name}": torch.stack([term[name] for term in terms]).mean() for name in terms[0]}
        between = [(a - b).square().mean() for (_, a), (_, b) in itertools.combinations(pairs, 2)]
        return {**losses, "loss_inter": self.criterion.weights["invariance"] * torch.stack(between).mean()}

    def predictions(self, views: Views, data_samples: Samples = None) -> Columns:
        """``feature (N, D)`` of all streams together, and ``feature_<stream> (N, D)`` of each alone."""
        alone = {f"feature_{name}": self.encoder.extract(self.alone(views["clip"], name)) for name in self.projectors}
        return {"feature": self.extract_feat(views), **alone}
