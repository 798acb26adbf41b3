"""Runs the protocols that are probes, on features extracted once."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Optional

from mmengine.config import Config

from mmsync.apis.features import extract_features, feature_column, init_model
from mmsync.engine.folds import check_folds
from mmsync.engine.runner import MotionRunner
from mmsync.errors import ProtocolError
from mmsync.evaluation.functional import Scores
from mmsync.evaluation.metrics import FeatureMetric
from mmsync.protocols.protocol import Protocol
from mmsync.registry import METRICS, MODELS
from mmsync.structures import FeatureTable


class Outcome(NamedTuple):
    """The outcome of one run of a protocol.

    Attributes:
        metrics: Results by name.
        scores: Those of the classifier whose result is reported.
        curves: Its values after each epoch by name, if it is a probe that trains.
        class_names: Of the data set.
    """

    metrics: dict[str, float]
    scores: Optional[Scores]
    curves: dict[str, list[float]]
    class_names: Optional[Sequence[str]]


class Prober:
    """Runs probes on the features of a checkpoint.

    Args:
        cfgs: Protocol name -> config, of the protocols that are probes.
        checkpoint: File of the pretraining.
        folds: Folds of the data that it was trained on.
        device: Where features and probes are computed.
        encoder: Name of the encoder whose features are judged; ``None`` for the first.
        trust: Let the checkpoint run code while it loads.

    Raises:
        ProtocolError: A protocol's evaluator is no :class:`~mmsync.evaluation.metrics.FeatureMetric`.
    """

    def __init__(
        self,
        cfgs: Mapping[str, Config],
        checkpoint: str,
        folds: Any,
        device: str,
        encoder: Optional[str] = None,
        trust: bool = False,
    ) -> None:
        self.cfgs, self.checkpoint, self.folds, self.device = cfgs, checkpoint, folds, device
        self.encoder, self.trust = encoder, trust
        self._features: dict[str, tuple[FeatureTable, Optional[Sequence[str]]]] = {}

    def run(self, protocol: Protocol, seed: int) -> Outcome:
        """Run a protocol; the seed is for probes that have one, if the protocol names seeds."""
        cfg = self.cfgs[protocol.name]
        metric = self._metric(protocol.name)
        for probe in metric.probes.values():
            if protocol.seeds and hasattr(probe, "seed"):
                probe.seed = seed
        table, names = self._features_of(cfg)
        metrics = metric.compute_metrics([table])
        found = metric.found.get(protocol.metric.split("/")[0])
        return Outcome(metrics, found.scores if found else None, found.curves if found else {}, names)

    def _metric(self, name: str) -> FeatureMetric:
        cfg = self.cfgs[name]
        evaluator = cfg.test_evaluator
        metric = METRICS.build({**evaluator, "device": self.device}) if isinstance(evaluator, Mapping) else evaluator
        if not isinstance(metric, FeatureMetric):
            raise ProtocolError(f"{name}: test_evaluator is a {type(metric).__name__}; probes run in a FeatureMetric")
        column = feature_column(MODELS.get(cfg.model.type), self.encoder)
        for probe in metric.probes.values():
            if probe.column == "feature":
                probe.column = column
        return metric

    def _features_of(self, cfg: Config) -> tuple[FeatureTable, Optional[Sequence[str]]]:
        """The features of a config's test data, extracted once for all protocols that share model and data."""
        key = _key(cfg)
        if key not in self._features:
            sharing = [name for name, other in self.cfgs.items() if _key(other) == key]
            joints = any("joints" in self._metric(name).columns() for name in sharing)
            loader = MotionRunner.build_dataloader(cfg.test_dataloader.to_dict())
            check_folds(self.folds, [loader.dataset])
            model = init_model(cfg, self.checkpoint, self.device, trust=self.trust)
            names = getattr(loader.dataset, "metainfo", {}).get("classes")
            table = extract_features(model, loader, joints=joints, encoder=self.encoder)
            self._features[key] = (table, names)
        return self._features[key]


def _key(cfg: Config) -> str:
    """Everything that the features depend on, as text."""
    return json.dumps([cfg.get("model"), cfg.get("test_dataloader")], sort_keys=True, default=repr)
