"""What is drawn is a function of (seed, step, rank); evaluation draws nothing; bad clips are named."""

from __future__ import annotations

import pytest
import torch

from mmsync.errors import ConfigError, DataError, LayoutError
from mmsync.ops.streams import bone_stream, motion_stream
from mmsync.ops.time_maps import mix_frames, whole_matrix
from mmsync.registry import MODELS
from mmsync.structures import MotionSample, View
from mmsync.views import preprocessor

VIEWS = {
    "query": [{"type": "TemporalCrop"}, {"type": "Shear"}],
    "extreme": [{"type": "AimCLRExtreme", "extreme_set": "paper"}],
}


def build(**kwargs):
    return MODELS.build({"type": "SkeletonPreprocessor", "layout": "ntu25", "seed": 7, **kwargs})


def batch(n=6, t=20, v=25, c=3):
    x = torch.randn(n, 2, t, v, c, generator=torch.Generator().manual_seed(0))
    mask = torch.ones(n, 2, dtype=torch.bool)
    mask[::2, 1] = False
    x = x * mask[:, :, None, None, None]
    samples = [MotionSample(gt_label=i, metainfo={"name": f"clip_{i}", "index": i}) for i in range(n)]
    return {"inputs": {"skeleton": View(x, mask)}, "data_samples": samples}


def test_training_makes_the_named_views_and_evaluation_the_clips_themselves():
    data, pre = batch(), build(views=VIEWS)
    out = pre(data, training=True)
    assert list(out["inputs"]) == ["query", "extreme"]
    for view in out["inputs"].values():
        assert isinstance(view, View)
        assert view.data.shape == data["inputs"]["skeleton"].data.shape
        assert not view.data[~view.present].any()
    assert not torch.equal(out["inputs"]["query"].data, out["inputs"]["extreme"].data)
    assert out["data_samples"] is data["data_samples"]
    for _ in range(2):
        view = pre(data, training=False)["inputs"]["clip"]
        torch.testing.assert_close(view.data, data["inputs"]["skeleton"].data, rtol=0, atol=0)
        torch.testing.assert_close(view.present, data["inputs"]["skeleton"].present)
    assert pre.step == 1  # evaluation counts no step, so it does not change what training draws next


def test_a_resumed_run_repeats_the_uninterrupted_one():
    data, whole = batch(), build(views=VIEWS)
    steps = [whole(data, True)["inputs"] for _ in range(4)]
    assert not torch.equal(steps[0]["query"].data, steps[1]["query"].data)
    first = build(views=VIEWS)
    for _ in range(2):
        first(data, True)
    resumed = build(views=VIEWS, seed=99)  # the checkpoint's seed counts, not the new one
    resumed.load_state_dict(first.state_dict())
    for expected in steps[2:]:
        out = resumed(data, True)["inputs"]
        for name in VIEWS:
            torch.testing.assert_close(out[name].data, expected[name].data, rtol=0, atol=0)
    assert set(first.state_dict()) == {"seed", "step"}


def test_seeds_and_ranks_draw_differently(monkeypatch):
    data = batch()

    def query(seed, rank):
        monkeypatch.setattr(preprocessor, "get_rank", lambda: rank)
        return build(views=VIEWS, seed=seed)(data, True)["inputs"]["query"].data

    torch.testing.assert_close(query(7, 0), query(7, 0), rtol=0, atol=0)
    assert not torch.equal(query(7, 0), query(7, 1))
    assert not torch.equal(query(7, 0), query(8, 0))


def test_without_a_seed_the_run_s_seed_counts():
    torch.manual_seed(5)
    a = build(views=VIEWS, seed=None)
    torch.rand(3)
    b = build(views=VIEWS, seed=None)
    torch.manual_seed(6)
    c = build(views=VIEWS, seed=None)
    assert a.seed == b.seed != c.seed


def test_the_global_generator_is_left_alone():
    pre = build(views=VIEWS)
    before = torch.get_rng_state()
    pre(batch(), True)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("stream", ["joint", "bone", "motion", "joint+motion"])
def test_streams_are_made_after_augmentation_and_resampling(stream):
    data = batch(t=20)
    joints = build(views=VIEWS, window=15)(data, True)["inputs"]["query"]
    out = build(views=VIEWS, window=15, stream=stream)(data, True)["inputs"]["query"]
    parents = build()._parents
    made = {"joint": joints.data, "bone": bone_stream(joints.data, parents), "motion": motion_stream(joints.data)}
    torch.testing.assert_close(out.data, torch.cat([made[s] for s in stream.split("+")], -1), rtol=0, atol=0)
    view = build(stream=stream, window=15)(data, False)["inputs"]["clip"]
    x = data["inputs"]["skeleton"].data
    x = mix_frames(x, whole_matrix(x, 20, 15)[0])
    made = {"joint": x, "bone": bone_stream(x, parents), "motion": motion_stream(x)}
    torch.testing.assert_close(view.data, torch.cat([made[s] for s in stream.split("+")], -1), rtol=0, atol=0)


def test_a_view_may_bring_its_own_length():
    pre = build(views={"a": [{"type": "RandomCropResize", "size": 16}, {"type": "GaussianBlur"}], "b": []}, window=16)
    out = pre(batch(t=30), True)["inputs"]
    assert {view.data.shape[2] for view in out.values()} == {16}


def test_a_plain_tensor_gets_its_mask_from_what_is_not_zero():
    data = batch()
    view = build()(dict(inputs=data["inputs"]["skeleton"].data), False)["inputs"]["clip"]
    torch.testing.assert_close(view.present, data["inputs"]["skeleton"].present)


def test_layout_and_num_coords_reach_the_augmentations():
    flip = {"type": "Mirror", "prob": 1.0}
    pre = build(
        layout="coco17",
        num_coords=2,
        views={"q": [flip], "nested": [{"type": "AugmentationSequence", "transforms": [flip]}]},
    )
    data = batch(v=17)
    out = pre(data, True)["inputs"]
    expected = data["inputs"]["skeleton"].data[..., list(pre.layout.flip_index), :] * torch.tensor([-1.0, 1.0, 1.0])
    for view in out.values():
        torch.testing.assert_close(view.data, expected, rtol=0, atol=0)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_clips_that_are_not_finite_are_named(bad):
    data = batch()
    data["inputs"]["skeleton"].data[3, 0, 5, 7, 1] = bad
    for training in (True, False):
        with pytest.raises(DataError, match=r"1 of 6 clips: clip_3\."):
            build(views=VIEWS)(data, training)
    with pytest.raises(DataError, match="number 3 of the batch"):
        build()(dict(inputs=data["inputs"]["skeleton"].data), False)


def test_large_but_finite_values_pass():
    x = torch.full((2, 1, 4, 25, 3), 1e37)  # their sum is beyond float32
    assert build()(dict(inputs=x), False)["inputs"]["clip"].data is x


def test_clips_of_another_layout_are_refused_with_a_way_out():
    with pytest.raises(LayoutError, match=r"17 joints.*'ntu25' has 25.*coco17.*layout='ntu25'"):
        build()(batch(v=17), False)


@pytest.mark.parametrize(
    "x", [torch.zeros(2, 20, 25, 3), torch.zeros(2, 1, 4, 25, 3, dtype=torch.int64), torch.zeros(2, 1, 4, 25, 2)]
)
def test_other_shapes_and_types_are_refused(x):
    with pytest.raises(DataError):
        build()(dict(inputs=x), False)


def test_mistakes_in_the_config_are_told_when_built():
    with pytest.raises(ConfigError, match="stream 'joints'"):
        build(stream="joints")
    with pytest.raises(LayoutError, match="ntu25"):
        build(layout="ntu52")
