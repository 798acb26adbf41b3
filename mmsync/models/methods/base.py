"""What every self-supervised method shares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Optional, Union

from mmengine.model import BaseModel
from torch import Tensor, nn

from mmsync.registry import MODELS
from mmsync.structures import FeatureTable, MotionSample, View

Views = Mapping[str, View]
Samples = Optional[Sequence[MotionSample]]


class ViewModel(BaseModel):
    """Base of models of named views, self-supervised or not: a subclass writes :meth:`loss` and :meth:`predictions`.

    Args:
        data_preprocessor: Config of the preprocessor that makes the views.
        init_cfg: MMEngine's initialisation config.
    """

    encoders: ClassVar[Sequence[str]] = ("encoder",)
    """Names of its encoders: keys of the model's config, attributes, and first words of the weights' names."""
    views_needed: ClassVar[Sequence[str]] = ()
    """Names of the views that the preprocessor has to make in training."""
    views_for_features: ClassVar[Sequence[str]] = ("clip",)
    """Names of the views of evaluation: one for each encoder whose features probes see, in their order."""
    needs_tokens: ClassVar[bool] = False
    """Whether the backbones need ``tokens`` and ``encode``, as masked prediction does."""

    def __init__(self, data_preprocessor: Optional[dict] = None, init_cfg: Optional[dict] = None) -> None:
        if isinstance(data_preprocessor, Mapping):  # here, and not by MMEngine, so that no default scope is needed
            data_preprocessor = MODELS.build(data_preprocessor)
        super().__init__(data_preprocessor, init_cfg)
        if hasattr(self.data_preprocessor, "feature_views"):
            self.data_preprocessor.feature_views = tuple(self.views_for_features)
        self.epoch = 0
        self.progress = 0.0

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch, counted from 0, for what is scheduled by it."""
        self.epoch = epoch

    def set_progress(self, progress: float) -> None:
        """Set the share of the run's iterations that is done, in [0, 1), before each of them."""
        self.progress = progress

    @classmethod
    def encoder_prefixes(cls, cfg: Mapping[str, Any]) -> dict[str, str]:
        """Where the weights are that make the features: prefix of the weights' names by encoder.

        Args:
            cfg: Config of the model.
        """
        return {name: f"{name}." for name in cls.encoders}

    def loss(self, views: Views, data_samples: Samples = None) -> dict[str, Tensor]:
        """Losses of a batch of views.

        Returns:
            dict[str, Tensor]: Scalars; those whose name contains ``loss`` are summed, the others only logged.
        """
        raise NotImplementedError

    def predictions(self, views: Views, data_samples: Samples = None) -> dict[str, Union[Tensor, list[Tensor]]]:
        """What ``predict`` adds to a batch's table: columns of N rows by name."""
        raise NotImplementedError

    def forward(self, inputs: Union[View, Tensor, Views], data_samples: Samples = None, mode: str = "tensor") -> Any:
        """MMEngine's entry.

        Args:
            inputs: Views by name; outside of training also one view, or one tensor.
            data_samples: What is known of the samples.
            mode: ``'loss'``; ``'predict'``, a :class:`FeatureTable` of the batch; or ``'tensor'``, the features.
        """
        if mode not in ("loss", "predict", "tensor"):
            raise ValueError(f"unknown mode {mode!r}; use 'loss', 'predict' or 'tensor'")
        if not isinstance(inputs, Mapping):
            one = inputs if isinstance(inputs, View) else View(inputs)
            inputs = dict.fromkeys(self.views_needed if mode == "loss" else self.views_for_features, one)
        if mode == "loss":
            return self.loss(inputs, data_samples)
        if mode == "tensor":
            return self.tensor(inputs, data_samples)
        return FeatureTable.of_samples(data_samples or ()).with_columns(**self.predictions(inputs, data_samples))

    def tensor(self, views: Views, data_samples: Samples = None) -> Any:
        """What mode ``'tensor'`` gives: the column ``feature``."""
        return self.predictions(views, data_samples)["feature"]


class SelfSupervisedModel(ViewModel):
    """Base of self-supervised methods: a subclass builds its encoders and writes :meth:`loss`; labels must not enter.

    Args:
        data_preprocessor: Config of the preprocessor that makes the views.
        init_cfg: MMEngine's initialisation config.
    """

    def feature_encoder(self, name: str) -> nn.Module:
        """The encoder behind a name of ``encoders`` whose features probes see."""
        return getattr(self, name)

    def extract_feat(self, views: Views, data_samples: Samples = None) -> Union[Tensor, list[Tensor]]:
        """Features that probes see, of the first encoder: ``(N, D)``, or N tensors ``(T_n, D)`` of frames."""
        return self.feature_encoder(self.encoders[0]).extract(views[self.views_for_features[0]])

    def predictions(self, views: Views, data_samples: Samples = None) -> dict[str, Union[Tensor, list[Tensor]]]:
        """``feature``, of the first encoder, and ``feature_<view>`` of each further view of ``views_for_features``."""
        found = {"feature": self.extract_feat(views, data_samples)}
        for name, view in list(zip(self.encoders, self.views_for_features))[1:]:
            found[f"feature_{view}"] = self.feature_encoder(name).extract(views[view])
        return found
