"""The metric that judges frozen features by probes."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Optional, Union

import numpy as np
import torch
from mmengine.logging import MMLogger

from mmsync.errors import ConfigError, DataError, ProtocolError, did_you_mean, nearest
from mmsync.evaluation.functional import CLASS_REPORT, Scores, class_report, scores_of_videos
from mmsync.evaluation.metrics.base import TableMetric
from mmsync.evaluation.probes import Collapse, Probe, ProbeResult, bank_and_query, checked
from mmsync.registry import METRICS, PROBES
from mmsync.structures import FeatureTable

_ABOUT_SAMPLES = ("label", "index", "role", "name", "kind", "windows", "video_label")


@METRICS.register_module()
class FeatureMetric(TableMetric):
    """Collects the features ``(N, D)`` of a bank and of queries once and runs every probe on them.

    Names of results begin with that of the probe: ``knn/top1``, ``linear/last``. Accuracies are in percent. Samples
    without a label are left out, except by the measures of collapse.

    Args:
        probes: Configs of probes, or a dict that names them, ``dict(linear=dict(type='LinearProbe'))``. A name is the
            probe's own, or begins with it and an underscore (``linear_mamp``).
        collapse: Add the probe :class:`~mmsync.evaluation.probes.Collapse`.
        save_features: Name of an ``npz`` file for the table; ``None`` keeps it in memory only.
        device: Where the probes compute.
        kinds: Kinds of pairs whose features are used; ``None`` for all. Verification of pairs sees all.
        per_video: Add ``linear/video``, accuracy of the mean softmax of each name, judged by any ``video_label``, of
            linear and MLP probes; with ``per_class`` also ``video_majority``, ``video_balanced`` and ``videos``.
        per_class: Add the results of :func:`mmsync.evaluation.functional.class_report` of these probes.

    Raises:
        ConfigError: A probe has an unknown argument or one out of its range, or two have the same name.
    """

    config_schema = {"probes": PROBES}

    def __init__(
        self, probes: Union[Mapping[str, dict], Sequence[dict]] = (), collapse: bool = True,
        save_features: Optional[str] = None, device: str = "cpu", kinds: Optional[Sequence[str]] = None,
        per_video: bool = False, per_class: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        self.probes = _build(probes)
        if (per_video or per_class) and not any(probe.softmax for probe in self.probes.values()):
            what = "per_video" if per_video else "per_class"
            raise ConfigError(f"FeatureMetric: {what}=True judges a linear or MLP probe; add dict(type='LinearProbe')")
        if collapse:
            self.probes["collapse"] = Collapse()
        self.save_features, self.device = save_features, device
        self.kinds = None if kinds is None else tuple(kinds)
        self.per_video, self.per_class = per_video, per_class
        self.protocol = ""
        self.last: Optional[FeatureTable] = None  # of the latest evaluation, on the main process: for pictures
        self.found: dict[str, ProbeResult] = {}  # by name of the probe, likewise

    @property
    def scores(self) -> dict[str, Scores]:
        """Scores of each probe that classifies in the latest evaluation, on the main process."""
        return {name: one.scores for name, one in self.found.items() if one.scores is not None}

    @property
    def features(self) -> list[str]:
        """Columns of features that the probes ask for."""
        return list(dict.fromkeys(probe.column for probe in self.probes.values() if probe.column))

    @property
    def gives(self) -> Optional[list[str]]:
        if any(not probe.gives for probe in self.probes.values()):
            return None
        of_videos = ["video", "video_majority", "video_balanced", "videos"] if self.per_video else []
        of_classes = [*(CLASS_REPORT if self.per_class else ()), *of_videos]
        return [
            f"{name}/{result}"
            for name, probe in self.probes.items()
            for result in [*probe.gives, *(of_classes if probe.softmax else ())]
        ]

    @classmethod
    def check_config(cls, cfg: Mapping[str, Any], path: str) -> Iterable[str]:
        """Report names of probes that are slips, for the config check."""
        probes = cfg.get("probes")
        for name, config in probes.items() if isinstance(probes, Mapping) else ():
            target = PROBES.find(config["type"]) if isinstance(config, Mapping) and "type" in config else None
            wrong = _wrong_name(str(name), target.name) if target is not None else ""
            if wrong:
                yield f"{path}.probes.{name}: {wrong}"

    def check_data(self, dataset: Any) -> None:
        """Raise a ProtocolError if a probe does not apply to the labels and roles of the data set."""
        if not all(hasattr(dataset, name) for name in ("labels", "roles")) or not len(dataset):
            return
        if any(probe.sees == "labeled" for probe in self.probes.values()):
            labels, roles = np.asarray(dataset.labels), np.array(dataset.roles, dtype=object)
            table = FeatureTable({"label": torch.from_numpy(labels), "role": roles.tolist()})
            bank, query = (part.numbers("label").numpy() for part in bank_and_query(table))
            for probe in self.probes.values():
                if probe.sees == "labeled":
                    probe.check_labels(bank, query)

    def columns(self) -> dict[str, str]:
        return {name: probe.missing(name) for probe in self.probes.values() for name in probe.columns}

    def keeps(self, table: FeatureTable) -> FeatureTable:
        """Select the columns that the probes need and those about the samples; all, if they are saved."""
        if self.save_features:
            return table
        optional = [name for probe in self.probes.values() for name in probe.optional]
        return table.select(dict.fromkeys([*self.columns(), *_ABOUT_SAMPLES, *optional]))

    def compute(self, table: FeatureTable) -> dict[str, float]:
        """Run the probes; a ProtocolError without samples that a probe needs, a DataError for features of NaN."""
        chosen = table
        if self.kinds is not None:
            chosen = table.take(np.flatnonzero(np.isin(table.texts("kind", ""), self.kinds)))
            if not len(chosen):
                raise ProtocolError(f"FeatureMetric: none of the evaluated pairs is of kinds {', '.join(self.kinds)}")
        for name in self.features:
            _require_finite(chosen, name)
        self.last = chosen
        if self.save_features:
            chosen.save(self.save_features)
        kinds = {probe.sees for probe in self.probes.values()}
        splits = {"all": (chosen, chosen)}
        if "labeled" in kinds:
            splits["labeled"] = bank_and_query(chosen)
        if "roles" in kinds:
            splits["roles"] = bank_and_query(table, labeled=False)
        metrics: dict[str, float] = {}
        self.found = {}
        for name, probe in self.probes.items():
            bank, query = splits[probe.sees]
            probe.classes = (self.dataset_meta or {}).get("classes") or ()
            result = self.found[name] = checked(probe, probe.run(bank, query, self.device))
            if probe.softmax and result.scores is not None:
                result.metrics.update(self._of_classes(query, result.scores))
            metrics.update({f"{name}/{key}": value for key, value in result.metrics.items()})
        self._log(chosen, splits.get("labeled"))
        return metrics

    def _of_classes(self, query: FeatureTable, scores: Scores) -> dict[str, float]:
        found: dict[str, float] = {}
        if self.per_class:
            classes = (self.dataset_meta or {}).get("classes") or ()
            found.update(class_report(scores.logits, scores.labels, classes))
        videos = scores_of_videos(query, scores.logits) if self.per_video else None
        if videos is not None:
            report = class_report(videos.logits, videos.labels)
            found["video"] = report["top1"]
            if self.per_class:
                found.update(video_majority=report["majority"], video_balanced=report["balanced"])
                found["videos"] = float(len(videos.names))  # MMEngine's json has null for whole numbers
        found.pop("top1", None)  # that is `last`
        return found

    def _log(self, table: FeatureTable, labeled: Optional[tuple[FeatureTable, FeatureTable]]) -> None:
        """Write the protocol to the log, once and not at every validation."""
        width = {name: table[name][0].shape[-1] for name in self.features}
        note = [f"{d}-d {'pooled backbone features' if name == 'feature' else name}" for name, d in width.items()]
        means = [probe.column for probe in self.probes.values() if probe.column and not probe.of_frames]
        if any(isinstance(table[name], list) for name in means):
            note.append("means over the frames of a sequence")
        if labeled is not None:
            bank, query = labeled
            classes = len(torch.cat([bank.numbers("label"), query.numbers("label")]).unique())
            note.append(f"bank {len(bank)}, query {len(query)}, {classes} classes, no augmentation")
        note += [result.note for result in self.found.values() if result.note]
        protocol = f"Protocol: {'; '.join(note)}"
        if note and protocol != self.protocol:
            MMLogger.get_current_instance().info(protocol)
            self.protocol = protocol


def _build(configs: Union[Mapping[str, dict], Sequence[dict]]) -> dict[str, Probe]:
    named: Iterable = configs.items() if isinstance(configs, Mapping) else (("", config) for config in configs)
    probes: dict[str, Probe] = {}
    for name, config in named:
        if not isinstance(config, Mapping) or "type" not in config:
            raise ConfigError(f"FeatureMetric.probes: {config!r} is no config of a probe; write dict(type='KNN')")
        target = PROBES.get(config["type"]) if isinstance(config["type"], str) else config["type"]
        accepted = list(inspect.signature(target).parameters)
        for key in set(config) - {"type", *accepted}:
            hint = did_you_mean(nearest(key, accepted)) or f"; it takes {', '.join(accepted)}"
            raise ConfigError(f"{target.__name__}: unknown argument {key!r}{hint}")
        probe = PROBES.build(dict(config))
        if name and _wrong_name(name, probe.name):
            raise ConfigError(f"FeatureMetric.probes.{name}: {_wrong_name(name, probe.name)}")
        name = name or probe.name
        if name in probes:
            advice = f"probes=dict({name}=dict(type=...), {name}_2=dict(type=...))"
            raise ConfigError(f"FeatureMetric.probes: two probes are called {name!r}; name them: {advice}")
        probes[name] = probe
    return probes


def _wrong_name(name: str, default: str) -> str:
    """The error message for a probe's name that does not begin with its usual one; empty if it does."""
    if name == default or name.startswith(f"{default}_"):
        return ""
    return f"the name of this probe must be {default!r}, or begin with it: did you mean {default!r} or '{default}_...'?"


def _require_finite(table: FeatureTable, name: str) -> None:
    if bad := (~torch.isfinite(table.vectors(name)).all(dim=1)).nonzero().flatten().tolist():
        names = table.texts("name", "?")
        some = ", ".join(names[i] for i in bad[:5]) + " ..." * (len(bad) > 5)
        why = "the model has diverged (lower the learning rate) or these clips hold NaN (run mmsync check_data)"
        raise DataError(f"{len(bad)} of {len(table)} features are not finite, of samples {some}: {why}")
