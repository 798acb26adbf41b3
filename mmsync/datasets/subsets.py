"""The ``subset`` of a data set: the clips that keep their label in semi-supervised evaluation."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from mmengine.logging import print_log

from mmsync.errors import ConfigError, ProtocolError, did_you_mean, nearest
from mmsync.ops.subsets import exemplars, stratified_subset, uniform_subset

RULES: dict[str, Callable[..., torch.Tensor]]
RULES = {"stratified": stratified_subset, "uniform": uniform_subset, "exemplar": exemplars}
KEYS = ("share", "rule", "seed")


def select_subset(labels: np.ndarray, subset: Mapping) -> np.ndarray:
    """Select the items that a ``subset`` keeps, ``(m,)`` int64.

    Args:
        labels: ``(n,)`` int64, -1 for unknown.
        subset: ``dict(share=0.1, rule='stratified', seed=0)``. Rules: ``'stratified'``, ``round(share * n_c)`` clips of
            each class but at least one; ``'uniform'``, ``int(share * n)`` of all; ``'exemplar'``, one of each class,
            which takes no share.

    Raises:
        ConfigError: Unknown rule or key, or a share out of (0, 1].
        ProtocolError: No clip is left.
    """
    options = {"rule": "stratified", "seed": 0, **subset}
    for key in options:
        if key not in KEYS:
            raise ConfigError(f"subset.{key}: unknown{did_you_mean(nearest(key, KEYS))}; it takes {', '.join(KEYS)}")
    rule, share, seed = options["rule"], options.get("share"), options["seed"]
    if rule not in RULES:
        raise ConfigError(f"subset.rule: {rule!r}{did_you_mean(nearest(str(rule), RULES))}; use {', '.join(RULES)}")
    if (share is None) != (rule == "exemplar"):
        raise ConfigError(f"subset: rule {rule!r} " + ("needs share=..." if share is None else "takes no share"))
    if share is not None and not 0 < share <= 1:
        raise ConfigError(f"subset.share={share}: give a share in (0, 1], for instance 0.1 for 10 %")
    known = torch.from_numpy(np.asarray(labels, dtype=np.int64))
    places = exemplars(known, seed) if rule == "exemplar" else RULES[rule](known, share, seed)
    if not len(places):
        raise ProtocolError(
            f"subset {dict(options)}: no clip is left of {len(labels)} clips, {int((known >= 0).sum())} of them "
            "labelled; take a larger share, or the rule 'stratified', which keeps one clip of each class"
        )
    missing = sorted(set(known[known >= 0].tolist()) - set(known[places].tolist()))
    if missing:
        text = f"{len(missing)} classes have no clip in it: {missing[:20]}; they cannot be learnt"
        print_log(f"subset {dict(options)}: {text}", logger="current", level=30)
    return places.numpy()
