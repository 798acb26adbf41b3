"""Views, feature maps and feature tables against loops."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mmsync.errors import DataError
from mmsync.structures import FeatureMap, FeatureTable, MotionSample, View


class TestView:
    def test_tracks_become_samples_and_absent_ones_are_left_out(self):
        data = torch.arange(2 * 3 * 4.0).view(2, 3, 4)
        present = torch.tensor([[True, True, False], [True, False, False]])
        index = torch.arange(8.0).view(2, 4)
        split, where = View(data, present, None, index).tracks()
        assert torch.equal(split.data[:, 0], torch.stack([data[0, 0], data[0, 1], data[1, 0]]))
        assert split.present is None
        assert torch.equal(split.index, index[[0, 0, 1]])
        assert where.tolist() == [True, True, False, True, False, False]
        whole, everywhere = View(data).tracks()
        assert (whole.data.shape, everywhere) == ((6, 1, 4), None)

    @pytest.mark.parametrize(("frames", "steps"), [(8, 4), (8, 8), (7, 3), (5, 1)])
    def test_steps_know_their_frames(self, frames, steps):
        """A step stands for the frames from floor(i T / T') to ceil((i + 1) T / T')."""
        lengths = [frames, frames // 2]
        valid = torch.tensor([[t < length for t in range(frames)] for length in lengths])
        index = torch.rand(2, frames).cumsum(1)
        view = View(torch.zeros(2, frames), None, valid, index)
        found_valid, found_index = view.after_stride(steps)
        for i in range(steps):
            here = slice(i * frames // steps, -(-(i + 1) * frames // steps))
            assert found_valid[:, i].tolist() == valid[:, here].any(1).tolist()
            torch.testing.assert_close(found_index[:, i], index[:, here].mean(1))
        assert View(torch.zeros(2, 5)).after_stride(2) == (None, None)


class TestFeatureMap:
    @pytest.mark.parametrize(
        ("axes", "shape"), [("DTV", (5, 4, 3)), ("DTHW", (5, 4, 2, 3)), ("DFT", (5, 3, 4)), ("TD", (4, 5)), ("D", (5,))]
    )
    def test_axes_say_what_is_pooled(self, axes, shape):
        data = torch.randn(6, *shape)
        feature = FeatureMap(data, torch.tensor([0, 0, 1, 2, 2, 2]), 4, axes=axes)
        steps = 4 if "T" in axes else 1
        frames = torch.zeros(6, steps, 5)
        for place in np.ndindex(*shape):
            at = dict(zip(axes, place))
            frames[:, at.get("T", 0), at["D"]] += data[(slice(None), *place)]
        frames /= np.prod(shape) / 5 / steps
        torch.testing.assert_close(feature.frames(), frames)
        torch.testing.assert_close(feature.clips(), frames.mean(1))
        assert feature.grid().shape[:3] == (6, 5, steps)
        torch.testing.assert_close(feature.with_grid(feature.grid()).data, data)
        torch.testing.assert_close(feature.grid().mean((2, 3)), frames.mean(1))

    def test_frames_that_do_not_count_are_left_out(self):
        data, owner = torch.randn(3, 5, 4, 2), torch.tensor([0, 1, 1])
        valid = torch.tensor([[True, True, False, False], [True, True, True, False]])
        found = FeatureMap(data, owner, 2, valid=valid).clips()
        for row in range(3):
            torch.testing.assert_close(found[row], data[row][:, valid[owner[row]]].mean((1, 2)))

    def test_persons_are_averaged_and_nobody_is_zero(self):
        feature = FeatureMap(
            torch.randn(4, 3), torch.tensor([0, 0, 2, 2]), 3, torch.tensor([True, True, True, False]), axes="D"
        )
        rows = torch.randn(4, 2, 3)
        found = feature.mean_persons(rows)
        torch.testing.assert_close(found, torch.stack([rows[:2].mean(0), torch.zeros(2, 3), rows[2]]))
        torch.testing.assert_close(feature.mean_persons(rows, count_absent=True)[2], rows[2:].mean(0))


class TestFeatureTable:
    def samples(self):
        return [
            MotionSample.quick(i % 2, {"name": f"c{i}", "index": 3 - i, "role": "bank", "fps": 25.0 + i, "who": [i, i]})
            for i in range(4)
        ]

    def table(self):
        ragged = [torch.randn(n + 1, 3) for n in range(4)]
        return FeatureTable.of_samples(self.samples()).with_columns(feature=torch.randn(4, 3), frames=ragged)

    def test_it_has_what_the_samples_carry(self):
        table = self.table()
        assert table["label"].tolist() == [0, 1, 0, 1]
        assert table["fps"].tolist() == [25, 26, 27, 28]
        assert (table["name"], table["who"][1]) == (["c0", "c1", "c2", "c3"], [1, 1])
        assert (len(table), table.texts("kind", "none"), table.numbers("fold").tolist()) == (4, ["none"] * 4, [-1] * 4)
        assert table.rows()[2]["frames"].shape == (3, 3)

    def test_parts_join_in_data_set_order_and_a_sample_counts_once(self):
        table = self.table()
        first, second = table.take([0, 1, 3]), table.take([3, 2])
        joined = FeatureTable.cat([first, second])
        assert joined["name"] == ["c3", "c2", "c1", "c0"]
        torch.testing.assert_close(joined["feature"], table["feature"].flip(0))
        assert [len(x) for x in joined["frames"]] == [4, 3, 2, 1]
        unknown = first.with_columns(index=torch.full((3,), -1))
        assert len(FeatureTable.cat([unknown, unknown])) == 6
        assert len(FeatureTable.cat([])) == 0

    def test_a_file_keeps_everything(self, tmp_path):
        table = self.table().detach()
        table.save(tmp_path / "t.npz")
        back = FeatureTable.load(tmp_path / "t.npz")
        for name in ("feature", "label", "index", "fps"):
            assert torch.equal(back[name], table[name])
        assert all(torch.equal(a, b) for a, b in zip(back["frames"], table["frames"]))
        assert back["name"] == table["name"]

    def test_columns_of_different_lengths_are_refused(self):
        with pytest.raises(DataError, match=r"different lengths.*'a': 2.*'b': 3"):
            FeatureTable({"a": torch.zeros(2), "b": ["x"] * 3})
