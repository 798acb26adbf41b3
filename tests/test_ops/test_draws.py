"""Random frames and cycles of padded batches: where they may be, and that padding changes none of them."""

from __future__ import annotations

import math

import torch

from mmsync.ops.draws import draw_cycles, draw_margins, draw_triplets


def test_triplets_are_in_order_within_their_segments():
    valid = torch.arange(40) < torch.tensor([40, 12, 3])[:, None]
    generator = torch.Generator().manual_seed(0)
    for segments in (1, 5):
        drawn = torch.stack([draw_triplets(valid, segments, 0.2, generator) for _ in range(200)])
        assert (drawn.diff(dim=-1) > 0).all()
        low, high = drawn.amin((0, 3)), drawn.amax((0, 3))
        assert low[0, 0] == 0
        assert high[:, -1].tolist() == [39, 11, 2]
        assert ((high - low)[0] + 1 <= math.ceil(40 / (1 + (segments - 1) * 0.8)) + 1).all()
        if segments > 1:
            assert (low[0, 1:] <= high[0, :-1]).all()  # they overlap


def test_margins_are_within_their_share():
    valid = torch.arange(50) < torch.tensor([50, 20])[:, None]
    margins = draw_margins(valid, 0.2, torch.Generator().manual_seed(0))
    assert margins[0].unique().tolist() == list(range(1, 11))
    assert margins[1].unique().tolist() == list(range(1, 5))


def test_padding_changes_no_margin_and_no_triplet():
    valid = torch.arange(20) < torch.tensor([20, 8])[:, None]
    long = torch.cat([valid, torch.zeros(2, 30, dtype=torch.bool)], 1)
    for draw in (lambda v, g: draw_margins(v, 0.3, g), lambda v, g: draw_triplets(v, 2, 0.2, g)):
        one, two = (draw(v, torch.Generator().manual_seed(0)) for v in (valid, long))
        assert torch.equal(one, two[:, : one.shape[1]])


def test_random_cycles_are_of_different_sequences_of_one_group_and_start_at_valid_frames():
    valid = torch.arange(6) < torch.tensor([4, 6, 3, 5, 6, 2, 4])[:, None]
    valid[6] = False  # a sequence without frames
    group = torch.tensor([0, 1, 0, 1, 0, 2, 1])
    sequences, frame = draw_cycles(valid, 200, 2, group, torch.Generator().manual_seed(0))
    assert (group[sequences[:, 0]] == group[sequences[:, 1]]).all()
    assert (sequences[:, 0] != sequences[:, 1]).all()
    assert valid[sequences[:, 0], frame].all()
    assert {tuple(pair) for pair in sequences.tolist()} == {
        (0, 2),
        (2, 0),
        (0, 4),
        (4, 0),
        (2, 4),
        (4, 2),
        (1, 3),
        (3, 1),
    }
    assert len(set(frame[sequences[:, 0] == 4].tolist())) == 6
    again, _ = draw_cycles(valid, 200, 2, group, torch.Generator().manual_seed(0))
    assert torch.equal(again, sequences)
    long, _ = draw_cycles(valid, 50, 3, group)
    assert set(long.flatten().tolist()) == {0, 2, 4}
    assert all(len(set(row)) == 3 for row in long.tolist())
    assert draw_cycles(valid, 50, 4, group)[0].shape == (0, 4)
