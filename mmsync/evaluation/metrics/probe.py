"""The metric that judges frozen features."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any, NamedTuple, Optional

import numpy as np
import torch
from mmengine.dist import all_gather_object, broadcast_object_list, is_main_process
from mmengine.evaluator import BaseMetric
from mmengine.logging import MMLogger
from torch import Tensor

from mmsync.errors import ConfigError, DataError, ProtocolError
from mmsync.evaluation.functional import (
    effective_rank,
    feature_std,
    knn_classify,
    topk_accuracy,
    train_linear_probe,
)
from mmsync.fileio import atomic_path
from mmsync.registry import METRICS


class FeatureSet(NamedTuple):
    """Features of a data set.

    Attributes:
        features: ``(N, D)`` float32, on the CPU.
        labels: ``(N,)`` int64; -1 where there is none.
        indices: ``(N,)`` int64, place in the data set.
        roles: ``N`` times ``'bank'``, ``'query'`` or ``'train'``.
        names: ``N`` sample names.
    """

    features: Tensor
    labels: Tensor
    indices: Tensor
    roles: list[str]
    names: list[str]

    @classmethod
    def of(cls, samples: Sequence[dict]) -> FeatureSet:
        """Pack predicted samples, given as dicts."""
        return cls(
            torch.stack([s["feature"] for s in samples]).detach().float().cpu(),
            torch.tensor([int(s.get("gt_label", -1)) for s in samples], dtype=torch.int64),
            torch.tensor([int(s.get("index", -1)) for s in samples], dtype=torch.int64),
            [s.get("role", "train") for s in samples],
            [s.get("name", "?") for s in samples],
        )

    @classmethod
    def cat(cls, parts: Sequence[FeatureSet]) -> FeatureSet:
        """Join several sets, in data set order; a sample that several ranks have seen is kept once."""
        joined = cls(
            torch.cat([p.features for p in parts]),
            torch.cat([p.labels for p in parts]),
            torch.cat([p.indices for p in parts]),
            [role for p in parts for role in p.roles],
            [name for p in parts for name in p.names],
        )
        if (joined.indices < 0).any():
            return joined
        _, first = np.unique(joined.indices.numpy(), return_index=True)
        return joined.take(first)

    def take(self, index: np.ndarray) -> FeatureSet:
        """The samples at ``index``."""
        rows = torch.from_numpy(np.asarray(index, dtype=np.int64))
        return FeatureSet(
            self.features[rows],
            self.labels[rows],
            self.indices[rows],
            [self.roles[i] for i in index],
            [self.names[i] for i in index],
        )

    def save(self, path: str) -> None:
        """Write an ``npz`` with the fields of this class."""
        with atomic_path(path) as temporary, open(temporary, "wb") as file:
            np.savez(
                file,
                features=self.features.numpy(),
                labels=self.labels.numpy(),
                indices=self.indices.numpy(),
                roles=np.array(self.roles),
                names=np.array(self.names),
            )


_GIVEN_BY_METRIC = {"bank", "bank_labels", "query", "query_labels", "num_classes"}


@METRICS.register_module()
class ProbeMetric(BaseMetric):
    """Collects the features ``(N, D)`` of a bank and of queries once and runs every probe on them.

    A probe trains nothing but its own classifier: it never holds the encoder. Samples without a label are left out.
    Accuracies are in percent.

    ==================================  ===========================================================================
    ``knn/top1``, ``knn/top5``          weighted nearest neighbours; of further ``k``, ``knn/top1_k<k>``
    ``linear/last``                     linear probe after its last epoch: the number to report
    ``linear/best``, ``.../best_epoch`` its best epoch, chosen on the queries
    ``collapse/std``                    see :func:`mmsync.evaluation.functional.feature_std`
    ``collapse/effective_rank``         see :func:`mmsync.evaluation.functional.effective_rank`
    ==================================  ===========================================================================

    Args:
        knn: Arguments of :func:`mmsync.evaluation.functional.knn_classify`, ``k`` also as a list; ``None`` for no KNN.
        linear: Arguments of :func:`mmsync.evaluation.functional.train_linear_probe`; ``None`` for no linear probe.
        collapse: Report standard deviation and effective rank of all features, labelled or not.
        save_features: Name of an ``npz`` file for the features; ``None`` keeps them in memory only.
        device: Where the probes compute.
    """

    config_schema = {  # what the config check lets `knn` and `linear` hold
        name: tuple(p for p in inspect.signature(function).parameters if p not in _GIVEN_BY_METRIC)
        for name, function in (("knn", knn_classify), ("linear", train_linear_probe))
    }

    default_prefix = ""  # the names above are whole

    def __init__(
        self,
        knn: Optional[dict] = None,
        linear: Optional[dict] = None,
        collapse: bool = True,
        save_features: Optional[str] = None,
        device: str = "cpu",
    ) -> None:
        super().__init__()
        self.knn = None if knn is None else {"k": 20, "temperature": 0.1, **knn}
        self.linear = None if linear is None else dict(linear)
        for name, given in (("knn", knn), ("linear", linear)):
            accepted = self.config_schema[name]
            unknown = sorted(set(given or ()) - set(accepted))
            if unknown:
                raise ConfigError(f"ProbeMetric.{name}: unknown key {unknown[0]!r}; it takes {', '.join(accepted)}")
        for k in [] if self.knn is None else np.atleast_1d(self.knn["k"]).tolist():
            if not isinstance(k, int) or k < 1:
                raise ConfigError(
                    f"ProbeMetric.knn.k: {k!r} is no number of neighbours; give an int, or a list of them"
                )
        self.collapse = collapse
        self.save_features = save_features
        self.device = device
        self.protocol = ""
        self.last: Optional[FeatureSet] = None  # of the latest evaluation, on the main process: for pictures

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Keep the features of a batch.

        Args:
            data_batch: Not used.
            data_samples: Predictions with ``feature (D,)``.

        Raises:
            ProtocolError: The model sets no feature.
        """
        if any("feature" not in sample for sample in data_samples):
            raise ProtocolError("ProbeMetric: the model's predict() sets no `feature` on its samples")
        self.results.append(FeatureSet.of(data_samples))

    def evaluate(self, size: int) -> dict[str, float]:
        """Run the probes on the main process and give the results to all.

        Args:
            size: Length of the data set.

        Returns:
            Result name -> value.

        Raises:
            ProtocolError, DataError: As :meth:`compute_metrics`, on every rank.
        """
        local = [FeatureSet.cat(self.results)] if self.results else []
        self.results.clear()
        parts = [part for rank in all_gather_object(local) for part in rank]
        outcome: list[Any] = [None]
        if is_main_process():
            try:
                outcome = [self.compute_metrics(parts)]
            except Exception as error:  # every rank must learn of it, or the others wait for ever
                outcome = [error]
        broadcast_object_list(outcome)
        if isinstance(outcome[0], Exception):
            raise outcome[0]
        return outcome[0]

    def compute_metrics(self, results: list[FeatureSet]) -> dict[str, float]:
        """Run the probes.

        Args:
            results: The features, in parts.

        Returns:
            Result name -> value.

        Raises:
            ProtocolError: No sample, no label, or no bank or query, where a probe needs them.
            DataError: Some features are not finite.
        """
        if not results:
            raise ProtocolError("ProbeMetric: the data set of the evaluation is empty")
        data = FeatureSet.cat(results)
        bad = (~torch.isfinite(data.features).all(dim=1)).nonzero().flatten().tolist()
        if bad:
            raise DataError(
                f"{len(bad)} of {len(data.names)} features are not finite, of samples "
                f"{', '.join(data.names[i] for i in bad[:5])}{' ...' if len(bad) > 5 else ''}: the model has diverged "
                "(lower the learning rate) or these clips hold NaN (run tools/misc/check_data.py)"
            )
        self.last = data
        if self.save_features:
            data.save(self.save_features)
        metrics: dict[str, float] = {}
        note = [f"{data.features.shape[1]}-d pooled backbone features"]
        if self.knn is not None or self.linear is not None:
            bank, query = self._bank_and_query(data)
            num_classes = int(torch.cat([bank[1], query[1]]).max()) + 1
            note.append(f"bank {len(bank[1])}, query {len(query[1])}, {num_classes} classes, no augmentation")
            if self.knn is not None:
                metrics.update(self._run_knn(bank, query, num_classes))
                features = "standardised" if self.knn.get("standardize") else "raw"
                note.append("KNN k={k}, T={temperature}, {on} features".format(**self.knn, on=features))
            if self.linear is not None:
                probe = train_linear_probe(*bank, *query, num_classes, **self.linear)
                metrics["linear/last"] = 100 * probe.last
                metrics["linear/best"] = 100 * probe.best
                metrics["linear/best_epoch"] = probe.best_epoch
                note.append(
                    f"linear on frozen {'standardised' if self.linear.get('standardize') else 'raw'} features, last of "
                    f"{len(probe.accuracy)} epochs (best is chosen on the queries)"
                )
        if self.collapse:
            metrics["collapse/std"] = feature_std(data.features)
            metrics["collapse/effective_rank"] = effective_rank(data.features)
        protocol = f"Protocol: {'; '.join(note)}"
        if protocol != self.protocol:  # once, and not at every validation
            MMLogger.get_current_instance().info(protocol)
            self.protocol = protocol
        return metrics

    def _bank_and_query(self, data: FeatureSet) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
        known = (data.labels >= 0).numpy()
        if not known.any():
            raise ProtocolError(
                "KNN and linear probes compare with labels, but none of the evaluated samples has one. Give the source "
                "its labels, or drop the probes: val_evaluator=dict(type='ProbeMetric', knn=None, linear=None)"
            )
        roles = np.array(data.roles)
        parts = []
        for role in ("bank", "query"):
            index = np.flatnonzero((roles == role) & known)
            if not len(index):
                raise ProtocolError(
                    f"probes need labelled samples with role {role!r}, but the evaluated data set has none (its roles: "
                    f"{', '.join(sorted(set(data.roles)))}). Give the data set "
                    "roles=dict(bank=<training split>, query=<test split>)"
                )
            part = data.take(index)
            parts.append((part.features.to(self.device), part.labels.to(self.device)))
        return parts[0], parts[1]

    def _run_knn(self, bank: tuple[Tensor, Tensor], query: tuple[Tensor, Tensor], num_classes: int) -> dict[str, float]:
        options = dict(self.knn or {})
        ks = options.pop("k")
        metrics = {}
        for place, k in enumerate([ks] if isinstance(ks, int) else ks):
            scores = knn_classify(*bank, query[0], num_classes, k=k, **options)
            suffix = "" if place == 0 else f"_k{k}"
            metrics[f"knn/top1{suffix}"] = 100 * topk_accuracy(scores, query[1], 1)
            metrics[f"knn/top5{suffix}"] = 100 * topk_accuracy(scores, query[1], 5)
        return metrics
