"""The subset of a data set: what is kept, how many clips on NTU, and what cannot be asked for."""

from __future__ import annotations

import json

import numpy as np
import pytest
from mmengine.logging import MMLogger

from mmsync.datasets.selection import select_subset
from mmsync.errors import ConfigError, ProtocolError
from mmsync.registry import DATASETS

PIPELINE = [dict(type="ResizeClip", length=8), dict(type="PackSkeleton", num_persons=2)]


def dataset(**options):
    source = dict(type="SyntheticSource", num_clips=(60, 20))
    return DATASETS.build(dict(type="SkeletonDataset", source=source, pipeline=PIPELINE, **options))


def test_a_data_set_keeps_its_subset_and_its_classes():
    whole = dataset(split="train")
    part = dataset(split="train", subset=dict(share=0.5, seed=2))
    assert part.names == [whole.names[i] for i in select_subset(whole.labels, dict(share=0.5, seed=2))]
    assert part.num_classes == whole.num_classes
    assert part.names == dataset(split="train", subset=dict(share=0.5, seed=2)).names
    again = dataset(split=dict(names=part.names))  # the list that a run writes leads back to the same clips
    assert sorted(again.names) == sorted(part.names)


@pytest.mark.parametrize(
    ("subset", "error", "text"),
    [
        (dict(share=0.1, rule="stratifid"), ConfigError, "did you mean 'stratified'"),
        (dict(shares=0.1), ConfigError, "did you mean 'share'"),
        (dict(share=10), ConfigError, "0.1 for 10 %"),
        (dict(rule="uniform"), ConfigError, "needs share"),
        (dict(rule="exemplar", share=0.1), ConfigError, "takes no share"),
        (dict(share=0.001, rule="uniform"), ProtocolError, "no clip is left of 30"),
    ],
)
def test_what_cannot_be_asked_for(subset, error, text):
    with pytest.raises(error, match=text):
        select_subset(np.arange(30) % 3, subset)


def test_without_labels_there_is_no_subset():
    with pytest.raises(ProtocolError, match="0 of them labeled"):
        select_subset(np.full(30, -1), dict(share=0.5))


def test_a_class_without_a_clip_is_told():
    lines: list[str] = []
    MMLogger.get_current_instance().addFilter(lambda record: lines.append(record.getMessage()) or True)
    labels = np.array([0] * 99 + [1])
    kept = {tuple(np.unique(labels[select_subset(labels, dict(share=0.05, rule="uniform", seed=s))])) for s in range(9)}
    assert (0,) in kept
    assert "1 classes have no clip in it: [1]" in "".join(lines)
    assert set(labels[select_subset(labels, dict(share=0.01))]) == {0, 1}  # stratified: at least one of each


def test_counts_of_spec_on_ntu(data_root):
    """A class has 672 (xsub) or 632 (xview) clips less the missing ones; the published subset sizes follow."""
    folder = data_root.parent / "specs" / "ntu"
    if not folder.is_dir():
        pytest.skip("no lists of missing NTU clips beside the data")
    facts = json.loads((folder / "ntu_protocol_expectations.json").read_text())
    missing = [line for line in (folder / "ntu60_missing.txt").read_text().split() if line.startswith("S0")]
    in_train = {
        "ntu60_xsub": (672, lambda n: int(n[9:12]) in facts["xsub60_train"]),
        "ntu60_xview": (632, lambda n: int(n[5:8]) in (2, 3)),
    }
    for protocol, (full, rule) in in_train.items():
        counts = np.full(60, full) - np.bincount([int(n[17:20]) - 1 for n in missing if rule(n)], minlength=60)
        labels = np.repeat(np.arange(60), counts)
        assert len(labels) == facts[protocol]["train"]
        for percent in (1, 10):
            for rule_name, key in (("stratified", "stratified_round"), ("uniform", "int")):
                found = len(select_subset(labels, dict(share=percent / 100, rule=rule_name)))
                assert found == facts[protocol][f"semi_{percent}pct_{key}"]
