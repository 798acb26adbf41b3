"""Checkpoints are listed in order of training; what is none is named; weights are matched by name."""

from __future__ import annotations

import pytest
import torch

from mmsync.engine.checkpoint import FORMAT, list_checkpoints, load_weights, read_checkpoint, write_checkpoint
from mmsync.errors import CheckpointError, ConfigError
from mmsync.models.backbones.video.i3d import I3D
from mmsync.registry import MODELS


@pytest.fixture
def work_dir(tmp_path):
    names = [f"epoch_{n}.pth" for n in (2, 4, 6, 8, 10, 12, 100)]
    for name in [*names, "best_knn_top1_epoch_4.pth", "epoch_4_slim.pth", ".epoch_14.7.tmp.pth", "last_checkpoint"]:
        (tmp_path / name).touch()
    return tmp_path


@pytest.mark.parametrize(
    ("every", "epochs"), [(1, [2, 4, 6, 8, 10, 12, 100]), (2, [2, 6, 10, 100]), (3, [2, 8, 100]), (9, [100])]
)
def test_order_and_step(work_dir, every, epochs):
    assert list_checkpoints(work_dir, every) == [work_dir / f"epoch_{epoch}.pth" for epoch in epochs]


def test_by_iteration(tmp_path):
    for name in ("iter_900.pth", "iter_1000.pth", "iter_5.pth"):
        (tmp_path / name).touch()
    assert [path.name for path in list_checkpoints(str(tmp_path))] == ["iter_5.pth", "iter_900.pth", "iter_1000.pth"]


def test_bad_input(work_dir):
    with pytest.raises(ConfigError, match="every=0: give 1 for all"):
        list_checkpoints(work_dir, 0)
    for folder in (work_dir / "nowhere", work_dir):
        for path in work_dir.glob("epoch_*"):
            path.unlink()
        with pytest.raises(CheckpointError, match="is it the work dir of a run"):
            list_checkpoints(folder)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.py", "model = dict()\n", "is a Python file, as configs are"),
        ("README.md", "# mmsync\n", "is a text document"),
        ("a.json", "{}", "is a JSON file"),
        ("a.pth", "version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "a pointer of Git LFS"),
        ("b.pth", "<!DOCTYPE html><html>404</html>", "a page of HTML or XML"),
        ("c.pth", "encoder_q.A " * 1000 + "ä" * 3000, "is a text file"),
        ("d.pth", "", "damaged or truncated"),
        ("e.pth", b"PK\3\4\0\0", "damaged or truncated"),
        ("f.pth", b"\xff\xfe\xfa", "damaged or truncated"),
    ],
)
def test_what_is_no_checkpoint_is_named(tmp_path, name, content, says):
    file = tmp_path / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(CheckpointError, match=says):
        read_checkpoint(file)


def test_a_later_format_is_refused(tmp_path):
    file = tmp_path / "a.pth"
    for number in (0, FORMAT):
        write_checkpoint({"state_dict": {}, "meta": {"format": number}}, file)
        read_checkpoint(file)
    write_checkpoint({"state_dict": {}, "meta": {"format": FORMAT + 1, "mmsync_version": "9.1"}}, file)
    with pytest.raises(CheckpointError, match=r"written by mmsync 9\.1 in format 2.*update mmsync"):
        read_checkpoint(file)


class TestMatching:
    @staticmethod
    def net(**more):
        backbone = dict(type="STGCN", layout="ntu25", channels=[4, 4], strides=[1, 1], **more)
        return MODELS.build(dict(type="SkeletonCLR", encoder=dict(type="Encoder", backbone=backbone), queue_size=8))

    @pytest.mark.parametrize("there", [True, False])
    def test_the_names_of_another_graph_are_an_error_unless_accepted(self, there):
        """Weights of edges on one side only; the other 90 % and more of the backbone match."""
        own, other = self.net(edge_importance=not there), self.net(edge_importance=there)
        before = {key: value.clone() for key, value in own.state_dict().items()}
        what = "unexpected" if there else "missing"
        with pytest.raises(CheckpointError, match=rf"4 {what} \(encoder\.backbone\.edge_importance\.0.*load_partial"):
            load_weights(own, other.state_dict(), "a.pth")
        assert all(torch.equal(value, before[key]) for key, value in own.state_dict().items())
        match = load_weights(own, other.state_dict(), "a.pth", partial=True)
        assert match.backbone > 0.9

    def test_nothing_that_matches_is_never_accepted(self):
        state = {f"x.{key}": value for key, value in self.net().state_dict().items()}
        with pytest.raises(CheckpointError, match="0% of the backbone match"):
            load_weights(self.net(), state, "a.pth", partial=True)

    def test_another_shape_is_named(self):
        state = dict(self.net().state_dict())
        key = next(key for key in state if key.endswith("gcn.conv.weight"))
        state[key] = state[key][:1]
        with pytest.raises(CheckpointError, match=rf"1 of another shape \({key}: "):
            load_weights(self.net(), state, "a.pth")

    def test_batch_counters_may_be_missing(self):
        state = {k: v for k, v in self.net().state_dict().items() if not k.endswith("num_batches_tracked")}
        load_weights(self.net(), state, "old.pth")

    def test_a_momentum_encoder_begins_as_the_only_encoder_of_a_file(self):
        net, state = self.net(), {k: v + 1 for k, v in self.net().state_dict().items() if k.startswith("encoder.")}
        load_weights(net, state, "of_simclr.pth")
        assert all(torch.equal(net.key_encoder.module.state_dict()[k[8:]], v) for k, v in state.items())


class TestBranches:
    @staticmethod
    def net(share):
        backbone = dict(type="STGCN", layout="ntu25", channels=[4, 4], strides=[1, 1])
        return MODELS.build(dict(type="Sync3D", encoder=dict(type="Encoder", backbone=backbone), share_weights=share))

    def test_both_branches_begin_with_a_single_one(self):
        """As I3D's file has it: an encoder, and a head that is left out."""
        one, two = self.net(True), self.net(False)
        load_weights(two, {**one.state_dict(), "head.fc.bias": torch.zeros(2)}, "i3d.pth")
        for encoder in (two.encoder, two.second_encoder):
            assert all(torch.equal(v, one.encoder.state_dict()[k]) for k, v in encoder.state_dict().items())

    def test_two_branches_come_back_apart_and_do_not_fit_one(self):
        two, again = self.net(False), self.net(False)
        load_weights(again, two.state_dict(), "a.pth", strict=True)
        assert all(torch.equal(v, again.state_dict()[k]) for k, v in two.state_dict().items())
        with pytest.raises(CheckpointError, match=r"has two branches; set model\.share_weights=False"):
            load_weights(self.net(True), two.state_dict(), "a.pth")


def test_an_i3d_that_ends_early_takes_a_whole_file():
    whole, short = (I3D(width=0.0625, endpoint=end) for end in ("Mixed_5c", "Mixed_4c"))
    models = [torch.nn.ModuleDict({"encoder": torch.nn.ModuleDict({"backbone": net})}) for net in (short, whole)]
    match = load_weights(models[0], models[1].state_dict(), "i3d.pth")
    assert (match.missing, match.unexpected, match.reshaped) == ([], [], [])
    with pytest.raises(CheckpointError, match="missing"):
        load_weights(models[1], models[0].state_dict(), "short.pth")
