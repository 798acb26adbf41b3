"""Boxes against a count of pixels: integer boxes are sets of unit squares, so areas are counts."""

from __future__ import annotations

import pytest
import torch

from mmsync.ops import boxes as ops


def pixels(box) -> set:
    x1, y1, x2, y2 = (int(v) for v in box)
    return {(x, y) for x in range(x1, x2) for y in range(y1, y2)}


def some(count: int) -> torch.Tensor:
    g = torch.Generator().manual_seed(0)
    low = torch.randint(-3, 8, (count, 2), generator=g)
    return torch.cat([low, low + torch.randint(1, 9, (count, 2), generator=g)], 1).float()


def test_overlaps_are_counts_of_shared_pixels():
    a, b = some(40), some(80)[40:]
    for x, y, shared, union, covered in zip(a, b, ops.intersection(a, b), ops.iou(a, b), ops.coverage(a, b)):
        p, q = pixels(x), pixels(y)
        assert shared == len(p & q)
        assert union == pytest.approx(len(p & q) / len(p | q))
        assert covered == pytest.approx(len(p & q) / len(q))
    assert (ops.intersection(a, b) > 0).any()
    assert (ops.intersection(a, b) == 0).any()
    assert torch.equal(ops.iou(a.long(), b.long()), ops.iou(a, b))  # annotated pixels are whole numbers
    assert torch.equal(ops.coverage(a.long(), b.long()), ops.coverage(a, b))
    pairs = ops.iou(a[:, None], b)
    assert pairs.shape == (40, 40)
    assert torch.equal(pairs.diagonal(), ops.iou(a, b))


def test_empty_boxes_share_nothing():
    empty, full = torch.tensor([3.0, 3, 3, 9]), torch.tensor([0.0, 0, 9, 9])
    inside_out = torch.tensor([5.0, 5, 2, 2])
    for box in (empty, inside_out):
        assert ops.iou(box, full) == 0 == ops.iou(box, box)
        assert ops.coverage(full, box) == 0


def test_enlarged_about_the_centre_by_side_or_by_area():
    box = some(20)
    for mode, sides in (("side", 1.2), ("area", 1.2**0.5)):
        large = ops.enlarge(box, 0.2, mode)
        torch.testing.assert_close(large[:, 2:] - large[:, :2], sides * (box[:, 2:] - box[:, :2]))
        torch.testing.assert_close(large[:, 2:] + large[:, :2], box[:, 2:] + box[:, :2])
    torch.testing.assert_close(ops.area(ops.enlarge(box, 0.2, "area")), 1.2 * ops.area(box))
    with pytest.raises(ValueError, match="mode"):
        ops.enlarge(box, 0.2, "width")
