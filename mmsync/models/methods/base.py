"""Base classes of methods and other models of named views."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Optional, Union

import torch
from mmengine.model import BaseModel
from torch import Tensor

from mmsync.errors import ConfigError, ContractError, unwritten
from mmsync.models.losses.cosine import row_cosine
from mmsync.models.modules.encoder import Encoder, as_view, build_encoder
from mmsync.ops.distances import embedding_std
from mmsync.registry import MODELS, OptConfig, OptPart, Part
from mmsync.structures import FeatureTable, MotionSample, SkeletonLayout, View

Views = Mapping[str, View]
Samples = Optional[Sequence[MotionSample]]
Columns = Mapping[str, Union[Tensor, list[Tensor]]]


class ViewModel(BaseModel):
    """Base of models of named views, self-supervised or not: a subclass writes :meth:`loss` and :meth:`predictions`."""

    encoders: ClassVar[Sequence[str]] = ("encoder",)
    """Names of its encoders: keys of the model's config, attributes, and prefixes of the weights' names."""
    views_needed: ClassVar[Sequence[str]] = ()
    """Names of the views that the preprocessor makes in training."""
    views_for_features: ClassVar[Sequence[str]] = ("clip",)
    """Names of the views of evaluation, one for each encoder whose features probes see, in the same order."""
    predicts_with: ClassVar[tuple[str, ...]] = ()
    """Prefixes of weights without which predictions are meaningless; a checkpoint that lacks one is not evaluated."""
    needs_tokens: ClassVar[bool] = False
    """Whether the backbones need ``tokens`` and ``encode``, as masked prediction does."""
    fuses: ClassVar[bool] = False
    """Whether the column ``feature`` is that of all encoders side by side, and the first has one of its own, too."""
    needs_joints: ClassVar[bool] = False
    """Whether the backbones need ``layout`` and ``forward_without``, as masks of joints do."""
    least_batch: ClassVar[int] = 1
    """Samples of a global batch that the loss needs."""

    def __init__(self, data_preprocessor: OptPart = None, init_cfg: OptConfig = None) -> None:
        if isinstance(data_preprocessor, Mapping):  # MMEngine would need a default scope to build it
            data_preprocessor = MODELS.build(data_preprocessor)
        super().__init__(data_preprocessor, init_cfg)
        if hasattr(self.data_preprocessor, "feature_views"):
            self.data_preprocessor.feature_views = tuple(self.views_for_features)
        self.epoch = 0
        self.progress = 0.0

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch, counted from 0, for schedules by epoch."""
        self.epoch = epoch

    def set_progress(self, progress: float) -> None:
        """Set the completed share of the run's iterations, in [0, 1); called before each iteration."""
        self.progress = progress

    def check_data(self, dataset: Any) -> None:
        """Raise a ConfigError if the training data do not fit the model; called before a run trains."""

    @classmethod
    def encoder_prefixes(cls, cfg: Mapping[str, Any]) -> dict[str, str]:
        """Prefixes, by encoder, of the names of the weights that produce the features, given the model's config."""
        return {name: f"{name}." for name in cls.encoders}

    @classmethod
    def encoder_config(cls, cfg: Mapping[str, Any], name: str) -> tuple[Any, Mapping[str, Any]]:
        """Configs of an encoder and of the preprocessor of its view, given the model's config."""
        preprocessor = cfg.get("data_preprocessor") or {}
        view = dict(zip(cls.encoders, cls.views_for_features)).get(name)
        return cfg.get(name), preprocessor.get("parts", {}).get(view, preprocessor)

    def loss(self, views: Views, data_samples: Samples = None) -> dict[str, Tensor]:
        """Compute scalars of a batch of views: those whose name contains ``loss`` are summed, others logged."""
        raise unwritten(self, "loss(views, data_samples)")

    def parse_losses(self, losses: Mapping[str, Any]) -> tuple[Tensor, Any]:
        """Sum of what :meth:`loss` returns, and values for the log; a ContractError for anything but losses."""
        name, wanted = f"{type(self).__name__}.loss()", "it returns a dict of scalar tensors, such as dict(loss=...)"
        if not isinstance(losses, Mapping):
            raise ContractError(f"{name} returns a {type(losses).__name__}; {wanted}")
        for key, value in losses.items():
            for one in value if isinstance(value, (list, tuple)) else [value]:
                if not isinstance(one, Tensor):
                    raise ContractError(f"{name} returns {key!r} as a {type(one).__name__}; {wanted}")
        if not any("loss" in key for key in losses):
            text = "those whose name contains 'loss' are summed, and none does"
            raise ContractError(f"{name} returns {', '.join(map(repr, losses)) or 'nothing'}; {text}")
        total, log = super().parse_losses(losses)
        if torch.is_grad_enabled() and not total.requires_grad:
            raise ContractError(f"{name} has no gradient: its losses are detached, or computed from detached features")
        return total, log

    def predictions(self, views: Views, data_samples: Samples = None) -> Columns:
        """Columns of N rows, by name, that ``predict`` adds to a batch's table."""
        raise unwritten(self, "predictions(views, data_samples)")

    def forward(
        self,
        inputs: Union[View, Tensor, Mapping[str, Union[View, Tensor]]],
        data_samples: Samples = None,
        mode: str = "tensor",
    ) -> Any:
        """Losses of a batch, a :class:`FeatureTable` for ``'predict'``, or features; one view stands for all views."""
        if mode not in ("loss", "predict", "tensor"):
            raise ValueError(f"unknown mode {mode!r}; use 'loss', 'predict' or 'tensor'")
        if not isinstance(inputs, Mapping):
            inputs = dict.fromkeys(self.views_needed if mode == "loss" else self.views_for_features, inputs)
        views = {name: as_view(view) for name, view in inputs.items()}
        if mode == "loss":
            return self.loss(views, data_samples)
        if mode == "tensor":
            return self.tensor(views, data_samples)
        return FeatureTable.of_samples(data_samples or ()).with_columns(**self.columns_of(views, data_samples))

    def columns_of(self, views: Views, data_samples: Samples = None) -> Columns:
        """Columns of the table of a batch: :meth:`predictions`."""
        return self.predictions(views, data_samples)

    def tensor(self, views: Views, data_samples: Samples = None) -> Any:
        """Output of mode ``'tensor'``: the column ``feature``."""
        return self.predictions(views, data_samples)["feature"]


class SelfSupervisedModel(ViewModel):
    """Base of self-supervised methods: a subclass builds its encoders and writes :meth:`loss`, without labels."""

    def feature_encoder(self, name: str) -> Encoder:
        """Encoder whose features probes see, by its name in ``encoders``."""
        return getattr(self, name)

    def extract_feat(self, views: Views, data_samples: Samples = None) -> Union[Tensor, list[Tensor]]:
        """Extract features of the first encoder for probes: ``(N, D)``, or N tensors ``(T_n, D)`` of frames."""
        return self.feature_encoder(self.encoders[0]).extract(views[self.views_for_features[0]])

    def predictions(self, views: Views, data_samples: Samples = None) -> Columns:
        """``feature``, of the first encoder, and ``feature_<view>`` of each further view of ``views_for_features``."""
        found = {"feature": self.extract_feat(views, data_samples)}
        for name, view in list(zip(self.encoders, self.views_for_features))[1:]:
            found[f"feature_{view}"] = self.feature_encoder(name).extract(views[view])
        return found

    def columns_of(self, views: Views, data_samples: Samples = None) -> Columns:
        """:meth:`predictions`; of data that lack some views, such as sound alone, the features of the others."""
        if all(name in views for name in self.views_for_features):
            return self.predictions(views, data_samples)
        columns = ("feature", *(f"feature_{name}" for name in self.views_for_features[1:]))
        found = zip(columns, self.encoders, self.views_for_features)
        return {key: self.feature_encoder(name).extract(views[view]) for key, name, view in found if view in views}


class TwoViewMethod(SelfSupervisedModel):
    """Base of methods on the views ``first`` and ``second``; a subclass sets ``criterion`` or writes :meth:`loss`."""

    views_needed = ("first", "second")
    least_batch = 2
    criterion: Any

    def __init__(self, encoder: Part, data_preprocessor: OptPart = None, init_cfg: OptConfig = None) -> None:
        super().__init__(data_preprocessor, init_cfg)
        self.encoder = build_encoder(encoder)

    def embed(self, views: Views) -> tuple[Tensor, Tensor]:
        """Embed the first and the second view, ``(N, D)`` each, in separate forward passes."""
        return self.encoder(views["first"]), self.encoder(views["second"])

    def loss(self, views: Views, data_samples: Samples = None) -> dict[str, Tensor]:
        """Compute ``loss_<name>`` of each term of ``criterion``; :func:`embedding_log` for the log."""
        if not hasattr(self, "criterion"):
            raise ContractError(f"{type(self).__name__} sets no criterion, and writes no loss(views, data_samples)")
        first, second = self.embed(views)
        losses = {f"loss_{name}": term for name, term in self.criterion.terms(first, second).items()}
        return {**losses, **embedding_log(first, second)}


def layout_of(encoder: Any, method: str) -> SkeletonLayout:
    """Layout of the joints that an encoder takes, or a ConfigError."""
    backbone = encoder.backbone
    if not hasattr(backbone, "forward_without"):
        text = f"masks joints, and {type(backbone).__name__} takes no skeletons (N, M, T, V, C)"
        raise ConfigError(f"{method} {text}; use STGCN or another skeleton backbone")
    return backbone.layout


@torch.no_grad()
def embedding_log(first: Tensor, second: Tensor) -> dict[str, Tensor]:
    """For the log, of ``(N, D)``: ``pos_sim`` of views; ``embedding_std`` of the first."""
    return {"pos_sim": row_cosine(first, second).mean(), "embedding_std": embedding_std(first)}
