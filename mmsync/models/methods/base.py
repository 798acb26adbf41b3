"""What every self-supervised method shares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Optional, Union

from mmengine.model import BaseModel
from torch import Tensor

from mmsync.registry import MODELS
from mmsync.structures import MotionSample, View


class SelfSupervisedModel(BaseModel):
    """Base of methods: a subclass writes :meth:`loss` and :meth:`extract_feat`.

    Args:
        data_preprocessor: Config of the preprocessor that makes the views.
        init_cfg: MMEngine's initialisation config.
    """

    views_needed: ClassVar[Sequence[str]] = ()
    """Names of the views that the preprocessor has to make in training."""

    def __init__(self, data_preprocessor: Optional[dict] = None, init_cfg: Optional[dict] = None) -> None:
        if isinstance(data_preprocessor, Mapping):  # here, and not by MMEngine, so that no default scope is needed
            data_preprocessor = MODELS.build(data_preprocessor)
        super().__init__(data_preprocessor, init_cfg)
        self.epoch = 0
        self.progress = 0.0

    def set_epoch(self, epoch: int) -> None:
        """Tells the method the epoch, counted from 0, for what is scheduled by it."""
        self.epoch = epoch

    def set_progress(self, progress: float) -> None:
        """Tells the method which share of the run's iterations is done, in [0, 1), before each of them."""
        self.progress = progress

    def loss(self, views: dict[str, View], data_samples: Optional[Sequence[MotionSample]] = None) -> dict[str, Tensor]:
        """Losses of a batch of views; labels must not enter.

        Returns:
            dict[str, Tensor]: Scalars; those whose name contains ``loss`` are summed, the others only logged.
        """
        raise NotImplementedError

    def extract_feat(self, view: View, data_samples: Optional[Sequence[MotionSample]] = None) -> Tensor:
        """Features ``(N, D)`` that probes see."""
        raise NotImplementedError

    def predictions(self, view: View, data_samples: Optional[Sequence[MotionSample]] = None) -> dict[str, Tensor]:
        """What ``predict`` writes into the samples, by name, each ``(N, ...)``; ``feature (N, D)`` is one of them."""
        return {"feature": self.extract_feat(view, data_samples)}

    def forward(
        self,
        inputs: Union[View, dict[str, View]],
        data_samples: Optional[Sequence[MotionSample]] = None,
        mode: str = "tensor",
    ) -> Any:
        """MMEngine's entry: ``mode`` is ``'loss'``, ``'predict'`` (samples with feature) or ``'tensor'`` (features)."""
        if mode == "loss":
            return self.loss(inputs, data_samples)
        if mode == "tensor":
            return self.extract_feat(inputs, data_samples)
        if mode != "predict":
            raise ValueError(f"unknown mode {mode!r}; use 'loss', 'predict' or 'tensor'")
        found = self.predictions(inputs, data_samples)
        samples = data_samples if data_samples is not None else [MotionSample() for _ in found["feature"]]
        # Copies: the dataset may keep its samples in memory, and a kept feature would keep the batch.
        return [
            MotionSample(metainfo=sample.metainfo, gt_label=sample.get("gt_label", -1), **dict(zip(found, values)))
            for sample, *values in zip(samples, *found.values())
        ]
