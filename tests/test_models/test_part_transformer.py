"""PartTransformer: what its tokens see, and any layout through it; the preprocessor's body frame in front of it."""

from __future__ import annotations

import pytest
import torch

from mmsync.errors import ConfigError, LayoutError
from mmsync.models.backbones import PartTransformer
from mmsync.models.modules import Encoder
from mmsync.ops.body_frame import part_numbers
from mmsync.structures import SkeletonLayout, View
from mmsync.views import SkeletonPreprocessor

JOINTS = SkeletonLayout.get("kinect20").joints
PARTS = [
    ["pelvis", "spine", "spine_shoulder", "head"],
    ["left_shoulder", "left_elbow", "left_wrist", "left_hand"],
    ["right_shoulder", "right_elbow", "right_wrist", "right_hand"],
    ["left_hip", "left_knee", "left_ankle", "left_foot"],
    ["right_hip", "right_knee", "right_ankle", "right_foot"],
]


def small(**kwargs) -> PartTransformer:
    return PartTransformer(**{**dict(embed_dim=12, depth=2, num_heads=2), **kwargs})


def clips(p: int = 3, t: int = 64, seed: int = 0) -> torch.Tensor:
    return torch.randn(p, t, 20, 3, generator=torch.Generator().manual_seed(seed))


def test_numbers_of_a_part_by_a_loop():
    x = clips(2, 5)
    out = part_numbers(x).unflatten(3, (4, 9))
    for t in range(5):
        before = max(t - 1, 0)
        for k, part in enumerate(PARTS):
            for j, name in enumerate(part):
                here, pelvis = x[:, t, JOINTS.index(name)], x[:, t, 0]
                root = x[:, t, JOINTS.index(part[0])]
                moved = here - x[:, before, JOINTS.index(name)]
                if k:
                    moved = moved - (pelvis - x[:, before, 0])
                expected = torch.cat([here - pelvis, here - root if k else pelvis, 4 * moved], 1)
                torch.testing.assert_close(out[:, t, k, j], expected)


def test_tokens_are_linear_in_the_patches_of_their_part():
    torch.manual_seed(0)
    model, x = small(), clips()
    numbers = part_numbers(x)
    found = model.tokens(x)
    assert found.shape == (3, 8, 5, 12)
    for step in range(8):
        for part in range(5):
            patch = numbers[:, 8 * step : 8 * step + 8, part].flatten(1)
            place = model.pos_embed[0, 0, part] + model.temp_embed[0, step, 0]
            torch.testing.assert_close(found[:, step, part], patch @ model.joints_embed[part] + place)


def test_a_vector_tells_rows_without_depth():
    model, x = small(), clips()
    x[1, ..., 2] = 0
    before = model.tokens(x)
    torch.nn.init.ones_(model.flat_embed)
    change = model.tokens(x) - before
    torch.testing.assert_close(change[1], torch.ones_like(change[1]))
    torch.testing.assert_close(change[[0, 2]], -torch.ones_like(change[:2]))


def test_other_lengths_resample_the_time_embeddings_and_fill_the_last_patch():
    model = small()
    assert model(View(clips(2, 30)[:, None])).data.shape == (2, 12, 4, 5)
    assert model(View(clips(2, 1)[:, None])).data.shape == (2, 12, 1, 5)
    x = clips(2, 62)
    filled = torch.cat([x, x[:, -1:], x[:, -1:]], 1)
    torch.testing.assert_close(model.forward_rows(x), model.forward_rows(filled))


def test_parts_stay_apart_in_the_pooling():
    torch.manual_seed(0)
    encoder = Encoder(small(), pool=dict(type="SegmentPartPool", segments=4)).eval()
    view = View(clips()[:, None])
    maps = encoder.backbone(view).data  # (P, D, 8, 5)
    expected = maps.unflatten(2, (4, 2)).mean(3).permute(0, 2, 3, 1).flatten(1)
    torch.testing.assert_close(encoder.extract(view), expected)
    assert encoder.pooled_channels == 4 * 5 * 12


def test_it_takes_the_body_frame_only():
    with pytest.raises(LayoutError, match=r"PartTransformer: layout 'kinect20' .*body_frame=True"):
        small()(View(torch.randn(2, 1, 8, 25, 3)))
    with pytest.raises(ConfigError, match="num_heads that divide embed_dim"):
        small(num_heads=5)


# ---- the preprocessor -----------------------------------------------------------------------------------------------

VIEWS = dict(
    first=[
        dict(type="RandomCropResize", scale=(0.7, 1.0), warp=0.3),
        dict(type="RandomRotation", max_degrees=(8, 25, 8)),
        dict(type="Shear", amplitude=0.1),
        dict(type="JointOffset"),
        dict(type="GaussianNoise", prob=1.0),
        dict(type="JointFreeze", prob=1.0),
        dict(type="Mirror"),
    ],
    second=[],
)


@pytest.mark.parametrize("name", [name for name in SkeletonLayout.names() if name != "hands42"])
@pytest.mark.parametrize("coords", [2, 3])
def test_any_layout_through_the_preprocessor(name, coords):
    """Two persons, one of them absent in a clip, padding, and a further channel that is a score."""
    joints = SkeletonLayout.get(name).num_joints
    preprocessor = SkeletonPreprocessor(name, body_frame=True, num_coords=coords, views=VIEWS, stream="joint+bone")
    x = torch.randn(3, 2, 30, joints, coords + 1, generator=torch.Generator().manual_seed(0))
    x[1, 1] = 0
    valid = torch.arange(30).expand(3, -1) < 24
    inputs = View(x, torch.tensor([[True, True], [True, False], [True, True]]), valid)
    views = preprocessor({"inputs": inputs}, training=True)["inputs"]
    clip = preprocessor({"inputs": inputs})["inputs"]["clip"]
    for view in (*views.values(), clip):
        assert view.data.shape == (3, 2, 64, 20, 6)
        assert view.data.isfinite().all()
        assert not view.data[1, 1].any()
        assert view.valid is None
        assert (view.index >= 0).all()
        assert (view.index <= 23).all()
        assert view.data[..., 2].any() == (coords == 3)
    torch.testing.assert_close(views["second"].data, clip.data)
    torch.testing.assert_close(clip.index[:, [0, -1]], torch.tensor([[0.0, 23.0]]).expand(3, -1))
    score = inputs._replace(data=torch.cat([x[..., :-1], torch.rand(x.shape[:-1])[..., None]], -1))
    torch.testing.assert_close(preprocessor({"inputs": score})["inputs"]["clip"].data, clip.data)


def test_a_layout_that_is_no_body_is_refused():
    with pytest.raises(LayoutError, match="hands42"):
        SkeletonPreprocessor("hands42", body_frame=True)


def test_the_index_follows_that_of_the_data():
    preprocessor = SkeletonPreprocessor("kinect20", body_frame=True)
    index = torch.arange(30.0).expand(2, -1) * 3 + 5
    view = View(torch.randn(2, 1, 30, 20, 3), None, None, index)
    out = preprocessor({"inputs": view})["inputs"]["clip"].index
    shown = ((torch.arange(64.0) + 0.5) * 30 / 64 - 0.5).clamp(0, 29)  # as ResizeClip resizes
    torch.testing.assert_close(out, (5 + 3 * shown).expand(2, -1))
