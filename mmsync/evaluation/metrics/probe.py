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
    Scores,
    effective_rank,
    feature_std,
    knn_classify,
    mlp_logits,
    top_accuracy,
    topk_accuracy,
    train_linear_probe,
    train_mlp_probe,
    video_scores,
)
from mmsync.fileio import atomic_path
from mmsync.ops.subsets import exemplars
from mmsync.registry import METRICS


class FeatureSet(NamedTuple):
    """Features of a data set.

    Attributes:
        features: ``(N, D)`` float32, on the CPU.
        labels: ``(N,)`` int64; -1 where there is none.
        indices: ``(N,)`` int64, place in the data set.
        roles: ``N`` times ``'bank'``, ``'query'`` or ``'train'``.
        names: ``N`` sample names.
        joints: ``(N, V' * D)`` float16, the features of each joint, for the MLP probe; ``None`` unless asked for
            (:func:`mmsync.apis.extract_features`).
        kinds: Of pairs of tracks, ``N`` names out of :data:`mmsync.datasets.pair_table.KINDS`; ``None`` for clips.
        video_labels: ``(N,)`` int64 of pairs of tracks, the class of the video; -1 where there is none.
        windows: Of pairs of tracks, ``N`` names of videos, people and first frames; ``None`` where they are unknown.
    """

    features: Tensor
    labels: Tensor
    indices: Tensor
    roles: list[str]
    names: list[str]
    joints: Optional[Tensor] = None
    kinds: Optional[list[str]] = None
    video_labels: Optional[Tensor] = None
    windows: Optional[list[str]] = None

    @classmethod
    def of(cls, samples: Sequence[dict]) -> FeatureSet:
        """Pack predicted samples, given as dicts."""
        return cls(
            torch.stack([s["feature"] for s in samples]).detach().float().cpu(),
            torch.tensor([int(s.get("gt_label", -1)) for s in samples], dtype=torch.int64),
            torch.tensor([int(s.get("index", -1)) for s in samples], dtype=torch.int64),
            [s.get("role", "train") for s in samples],
            [s.get("name", "?") for s in samples],
            kinds=[s["kind"] for s in samples] if samples and "kind" in samples[0] else None,
            video_labels=torch.tensor([int(s.get("video_label", -1)) for s in samples], dtype=torch.int64),
            windows=[s["windows"] for s in samples] if samples and "windows" in samples[0] else None,
        )

    @classmethod
    def cat(cls, parts: Sequence[FeatureSet]) -> FeatureSet:
        """Join several sets, in data set order; a sample that several ranks have seen is kept once."""
        joints = [p.joints for p in parts if p.joints is not None]
        video_labels = [p.video_labels for p in parts if p.video_labels is not None]
        joined = cls(
            torch.cat([p.features for p in parts]),
            torch.cat([p.labels for p in parts]),
            torch.cat([p.indices for p in parts]),
            [role for p in parts for role in p.roles],
            [name for p in parts for name in p.names],
            torch.cat(joints) if joints else None,
            [kind for p in parts for kind in p.kinds or ()] or None,
            torch.cat(video_labels) if video_labels else None,
            [window for p in parts for window in p.windows or ()] or None,
        )
        if (joined.indices < 0).any():
            return joined
        _, first = np.unique(joined.indices.numpy(), return_index=True)
        if np.array_equal(first, np.arange(len(joined.names))):  # as it is without copies, which may be large
            return joined
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
            None if self.joints is None else self.joints[rows],
            None if self.kinds is None else [self.kinds[i] for i in index],
            None if self.video_labels is None else self.video_labels[rows],
            None if self.windows is None else [self.windows[i] for i in index],
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
    ``linear/video``                    with ``per_video``, of the mean of the softmax over the clips of a video
    ``mlp/last``, ``mlp/best``          MLP probe on the features of each joint: no linear probe
    ``oneshot/top1``, ``oneshot/std``   cosine 1-NN by one clip of each class, mean and deviation over the draws
    ``collapse/std``                    see :func:`mmsync.evaluation.functional.feature_std`
    ``collapse/effective_rank``         see :func:`mmsync.evaluation.functional.effective_rank`
    ==================================  ===========================================================================

    Args:
        knn: Arguments of :func:`mmsync.evaluation.functional.knn_classify`, ``k`` also as a list; ``None`` for no KNN.
        linear: Arguments of :func:`mmsync.evaluation.functional.train_linear_probe`; ``None`` for no linear probe.
        mlp: Arguments of :func:`mmsync.evaluation.functional.train_mlp_probe`; needs the features of each joint, which
            ``tools/benchmark.py`` extracts.
        oneshot: ``dict(draws=10, seed=0)``: as often, one clip of each class is drawn from the bank.
        collapse: Report standard deviation and effective rank of all features, labelled or not.
        save_features: Name of an ``npz`` file for the features; ``None`` keeps them in memory only.
        device: Where the probes compute.
        per_video: The samples are clips of videos, those of one name of the same; judge the linear probe on videos too.
    """

    config_schema = {  # what the config check lets `knn` and `linear` hold
        name: tuple(p for p in inspect.signature(function).parameters if p not in _GIVEN_BY_METRIC)
        for name, function in (("knn", knn_classify), ("linear", train_linear_probe), ("mlp", train_mlp_probe))
    }
    config_schema["oneshot"] = ("draws", "seed")

    default_prefix = ""  # the names above are whole

    def __init__(
        self,
        knn: Optional[dict] = None,
        linear: Optional[dict] = None,
        mlp: Optional[dict] = None,
        oneshot: Optional[dict] = None,
        collapse: bool = True,
        save_features: Optional[str] = None,
        device: str = "cpu",
        per_video: bool = False,
    ) -> None:
        super().__init__()
        self.per_video = per_video
        self.knn = None if knn is None else {"k": 20, "temperature": 0.1, **knn}
        self.linear = None if linear is None else dict(linear)
        self.mlp = None if mlp is None else dict(mlp)
        self.oneshot = None if oneshot is None else {"draws": 10, "seed": 0, **oneshot}
        for name, given in (("knn", knn), ("linear", linear), ("mlp", mlp), ("oneshot", oneshot)):
            accepted = self.config_schema[name]
            unknown = sorted(set(given or ()) - set(accepted))
            if unknown:
                raise ConfigError(f"ProbeMetric.{name}: unknown key {unknown[0]!r}; it takes {', '.join(accepted)}")
        if per_video and linear is None:
            raise ConfigError("ProbeMetric: per_video=True judges the linear probe; give linear=dict(...) too")
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
        self.scores: dict[str, Scores] = {}  # of each probe in the latest evaluation, on the main process

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
        self.scores = {}
        if any(probe is not None for probe in (self.knn, self.linear, self.mlp, self.oneshot)):
            sets = self._bank_and_query(data)
            bank, query = ((s.features.to(self.device), s.labels.to(self.device)) for s in sets)
            num_classes = int(torch.cat([bank[1], query[1]]).max()) + 1
            present = len(torch.cat([bank[1], query[1]]).unique())
            note.append(f"bank {len(bank[1])}, query {len(query[1])}, {present} classes, no augmentation")
            if self.knn is not None:
                metrics.update(self._run_knn(bank, query, num_classes, sets[1]))
                features = "standardised" if self.knn.get("standardize") else "raw"
                note.append("KNN k={k}, T={temperature}, {on} features".format(**self.knn, on=features))
            if self.linear is not None:
                probe = train_linear_probe(*bank, *query, num_classes, **self.linear)
                metrics["linear/last"] = 100 * probe.last
                metrics["linear/best"] = 100 * probe.best
                metrics["linear/best_epoch"] = probe.best_epoch
                self._keep("linear", sets[1], probe(query[0]))
                if self.per_video:
                    videos = video_scores(self.scores["linear"])
                    metrics["linear/video"] = top_accuracy(videos.logits, videos.labels, (1,))["top1"]
                note.append(
                    f"linear on frozen {'standardised' if self.linear.get('standardize') else 'raw'} features, last of "
                    f"{len(probe.accuracy)} epochs (best is chosen on the queries)"
                )
            if self.mlp is not None:
                metrics.update(self._run_mlp(*sets, num_classes))
                note.append("MLP probe (no linear one) on the features of the single joints")
            if self.oneshot is not None:
                metrics.update(self._run_oneshot(bank, query, num_classes))
                note.append(f"one-shot: cosine 1-NN, mean of {self.oneshot['draws']} draws of one clip a class")
        if self.collapse:
            metrics["collapse/std"] = feature_std(data.features)
            metrics["collapse/effective_rank"] = effective_rank(data.features)
        protocol = f"Protocol: {'; '.join(note)}"
        if protocol != self.protocol:  # once, and not at every validation
            MMLogger.get_current_instance().info(protocol)
            self.protocol = protocol
        return metrics

    def _bank_and_query(self, data: FeatureSet) -> tuple[FeatureSet, FeatureSet]:
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
            parts.append(data.take(index))
        return parts[0], parts[1]

    def _keep(self, name: str, query: FeatureSet, logits: Tensor) -> None:
        self.scores[name] = Scores(query.names, logits.float().cpu().numpy(), query.labels.numpy())

    def _run_mlp(self, bank: FeatureSet, query: FeatureSet, num_classes: int) -> dict[str, float]:
        if bank.joints is None or query.joints is None:
            raise ProtocolError(
                "ProbeMetric.mlp: the MLP probe needs the features of each joint, and predict() gives pooled ones; run "
                "it by tools/benchmark.py, or with the features of mmsync.apis.extract_features(..., joints=True)"
            )
        joints = query.joints.to(self.device)
        probe = train_mlp_probe(
            bank.joints.to(self.device),
            bank.labels.to(self.device),
            joints,
            query.labels.to(self.device),
            num_classes,
            **(self.mlp or {}),
        )
        self._keep("mlp", query, mlp_logits(probe.net, joints))
        return {"mlp/last": 100 * probe.accuracy[-1], "mlp/best": 100 * max(probe.accuracy)}

    def _run_oneshot(
        self, bank: tuple[Tensor, Tensor], query: tuple[Tensor, Tensor], num_classes: int
    ) -> dict[str, float]:
        options = self.oneshot or {}
        accuracy = []
        for draw in range(options["draws"]):
            rows = exemplars(bank[1].cpu(), options["seed"] + draw).to(self.device)
            scores = knn_classify(bank[0][rows], bank[1][rows], query[0], num_classes, k=1)
            accuracy.append(100 * topk_accuracy(scores, query[1]))
        return {"oneshot/top1": float(np.mean(accuracy)), "oneshot/std": float(np.std(accuracy))}

    def _run_knn(
        self, bank: tuple[Tensor, Tensor], query: tuple[Tensor, Tensor], num_classes: int, queries: FeatureSet
    ) -> dict[str, float]:
        options = dict(self.knn or {})
        ks = options.pop("k")
        metrics = {}
        for place, k in enumerate([ks] if isinstance(ks, int) else ks):
            scores = knn_classify(*bank, query[0], num_classes, k=k, **options)
            suffix = "" if place == 0 else f"_k{k}"
            if place == 0:
                self._keep("knn", queries, scores)
            metrics[f"knn/top1{suffix}"] = 100 * topk_accuracy(scores, query[1], 1)
            metrics[f"knn/top5{suffix}"] = 100 * topk_accuracy(scores, query[1], 5)
        return metrics
