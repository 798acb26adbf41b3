"""Shares of the kinds of pairs, made whole numbers."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from mmsync.errors import ConfigError, DataError, did_you_mean, nearest

from .pair_table import KINDS


def shares_of(mix: Mapping[str, float]) -> np.ndarray:
    """``(4,)`` shares of ``KINDS`` that add up to 1, of weights by kind.

    Raises:
        ConfigError: An unknown kind, a negative weight, or weights that are all 0.
    """
    for kind in mix:
        if kind not in KINDS:
            raise ConfigError(f"mix: no kind {kind!r}{did_you_mean(nearest(kind, KINDS))}; use {', '.join(KINDS)}")
    weights = np.array([mix.get(kind, 0.0) for kind in KINDS], dtype=float)
    if not (weights >= 0).all() or not weights.sum() > 0:
        raise ConfigError(f"mix={dict(mix)}: give weights of 0 or more, and one above 0")
    return weights / weights.sum()


def apportion(
    shares: np.ndarray, size: int, available: Mapping[str, int], redistribute: bool, what: str
) -> dict[str, int]:
    """Split a number of pairs by shares, to the pair: largest remainders are rounded up.

    Args:
        shares: ``(4,)``, as of :func:`shares_of`.
        size: Pairs in all.
        available: Distinct pairs by kind.
        redistribute: Give the share of negatives that there are none of to the other negatives.
        what: Of whom a message speaks.

    Returns:
        Numbers by kind, which add up to ``size``; kinds without a pair are left out.

    Raises:
        DataError: There is no pair of a kind with a share.
    """
    have = np.array([available[kind] for kind in KINDS])
    lacking = (shares > 0) & (have == 0)
    if lacking.any():
        left = np.where(lacking, 0.0, shares)
        if lacking[0] or not redistribute or not left[1:].any():
            raise DataError(
                f"{what}: the mix asks for {', '.join(np.array(KINDS)[lacking])} pairs, but there is none; available: "
                f"{', '.join(f'{kind} {n}' for kind, n in available.items())}. Longer tracks, a smaller window or "
                "shift, or placement='any' give more; redistribute=True gives the share to the other negatives"
            )
        shares = np.append(left[0], left[1:] * shares[1:].sum() / left[1:].sum())
    exact = shares * size
    counts = np.floor(exact + 1e-9).astype(int)
    counts[np.argsort(counts - exact, kind="stable")[: size - counts.sum()]] += 1
    return {kind: int(n) for kind, n in zip(KINDS, counts) if n}


def tell(counts: Mapping[str, int], available: Mapping[str, int], shares: np.ndarray) -> str:
    """The achieved mix in words: what is drawn, of how many, how often each, and what a kind lacks."""
    parts = []
    for kind, share in zip(KINDS, shares):
        n, have = counts.get(kind, 0), available[kind]
        again = f", each {n / have:.1f} times" if n > have else ""
        missing = ", its share goes to the other negatives" if share and not have else ""
        if n or share:
            parts.append(f"{kind} {n} ({100 * n / sum(counts.values()):.0f} %) of {have} pairs{again}{missing}")
    return "; ".join(parts)
