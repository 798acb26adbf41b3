"""Components that break the contract of their kind in one way each are refused with a message that names it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from mmengine.hooks import Hook
from torch import nn

from mmsync import testing
from mmsync.datasets.sources import SequenceSource, SkeletonSource
from mmsync.errors import ContractError
from mmsync.evaluation import Probe, ProbeResult, TableMetric
from mmsync.models import Encoder, SelfSupervisedModel, SequenceBackbone, SkeletonBackbone, build_encoder
from mmsync.structures import FeatureMap, SkeletonLayout
from mmsync.views import BatchAugmentation, SkeletonAugmentation

pytestmark = pytest.mark.conformance


class GoodNet(SkeletonBackbone):
    """Two layers on each frame, with a stride of 2."""

    def __init__(self, width=16):
        super().__init__("ntu25", 3, width)
        self.layers = nn.Sequential(nn.Linear(75, width), nn.ReLU(), nn.Linear(width, width))

    def forward_rows(self, x):
        return self.layers(x.flatten(2)).transpose(1, 2)[:, :, ::2, None]


class NoModality(GoodNet):
    modality = ""


class Transposed(GoodNet):
    """(P, T', D, V') where (P, D, T', V') is wanted, with T' = D for clips of 32 frames."""

    def forward_rows(self, x):
        return super().forward_rows(x).transpose(1, 2)


class NoMap(GoodNet):
    def forward(self, view, skip_absent=True):
        return super().forward(view, skip_absent).data


class MissingAxis(GoodNet):
    axes = "DT"


class IdleLayer(GoodNet):
    def __init__(self):
        super().__init__()
        self.idle = nn.Linear(3, 3)


class Dice(GoodNet):
    def forward_rows(self, x):
        out = super().forward_rows(x)
        return out + torch.rand_like(out)


class InPlace(GoodNet):
    def forward(self, view, skip_absent=True):
        view.data.mul_(2)
        return super().forward(view, skip_absent)


class Crosstalk(GoodNet):
    def forward_rows(self, x):
        out = super().forward_rows(x)
        return out + out.mean(0)


class ForgetsFrames(GoodNet):
    def forward(self, view, skip_absent=True):
        return super().forward(view, skip_absent)._replace(index=None)


class WrongOwner(GoodNet):
    def forward(self, view, skip_absent=True):
        found = super().forward(view, skip_absent)
        return found._replace(owner=torch.zeros_like(found.owner))


class UnsavedState(GoodNet):
    def __init__(self):
        super().__init__()
        self.layers[0] = nn.Linear(75, 16 + int(torch.randint(1, 1000, ())))
        self.layers[2] = nn.Linear(self.layers[0].out_features, 16)


class Diverges(GoodNet):
    def forward_rows(self, x):
        return super().forward_rows(x) / 0


class BackwardFrames(GoodNet):
    def forward(self, view, skip_absent=True):
        found = super().forward(view, skip_absent)
        return found._replace(index=None if found.index is None else found.index.flip(1))


BACKBONES = {
    NoModality: "no modality",
    Transposed: r"D is \d+, but out_channels=16; are the axes in another order",
    NoMap: "returns Tensor; give a FeatureMap",
    MissingAxis: "axes='DT' name 2 axes",
    IdleLayer: "no gradient reaches idle.weight",
    Dice: "two results for one view in evaluation",
    InPlace: "changes the data of the view",
    Crosstalk: "a sample alone has another feature map",
    ForgetsFrames: "drops `index`",
    WrongOwner: "owner is",
    UnsavedState: "does not load its state_dict",
    Diverges: "NaN or infinity",
    BackwardFrames: "do not rise",
}


def test_an_encoder_refuses_a_backbone_of_another_signature():
    class Narrow(GoodNet):
        def forward(self, x):
            return x

    with pytest.raises(ContractError, match=r"Narrow.forward\(x\) is called as forward\(view, skip_absent\)"):
        Encoder(backbone=Narrow())


def test_a_good_backbone_passes():
    testing.check_backbone(GoodNet)
    testing.check_backbone(GoodNet())


@pytest.mark.parametrize("broken", BACKBONES)
def test_backbone(broken):
    with pytest.raises(ContractError, match=f"{broken.__name__}.*{BACKBONES[broken]}"):
        testing.check_backbone(broken)


def test_a_transposed_map_is_found_where_frames_and_channels_are_equally_many():
    view = testing.skeletons(frames=32)  # T' = D = 16
    with pytest.raises(ContractError, match="in another order than axes"):
        testing.check_backbone(Transposed, view)


def test_a_sequence_backbone_that_keeps_padding_is_another_matter():
    class Mixer(SequenceBackbone):
        def __init__(self):
            super().__init__(6, 8)
            self.layer = nn.Linear(6, 8)

        def forward_frames(self, x, valid):
            return self.layer(x)

    testing.check_backbone(Mixer)


class GoodShift(SkeletonAugmentation):
    def parameters(self, x, generator):
        return {"shift": torch.rand(len(x), generator=generator)}

    def apply(self, view, draws):
        moved = (view.data + draws["shift"].view(-1, 1, 1, 1, 1)) * view.data.ne(0).any(-1, keepdim=True)
        return view._replace(data=moved)


def shift(**methods) -> type[BatchAugmentation]:
    return type("Shift", (GoodShift,), methods)


def in_place(self, view, draws):
    view.data.add_(1)
    return view


def dice(self, view, draws):
    return view._replace(data=view.data * torch.rand(()))


def halves(self, view, draws):
    return view._replace(data=view.data[:, :, ::2])


def everyone(self, view, draws):
    return view._replace(data=view.data + 1)


def wrong_index(self, view, draws):
    return view._replace(index=torch.arange(16.0).expand(4, -1) + 100)


def global_draw(self, x, generator):
    return {"shift": torch.rand(len(x))}


def without_generator(self, x, generator):
    return {"shift": torch.rand(len(x), generator=torch.Generator().manual_seed(torch.seed()))}


AUGMENTATIONS = {
    "in place": (shift(apply=in_place), "changes the data"),
    "random apply": (shift(apply=dice), "global generator|two results|torch"),
    "global draw": (shift(parameters=global_draw), "draws from torch's global generator"),
    "own seed": (shift(parameters=without_generator), "global generator|two results"),
    "fewer frames": (shift(apply=halves), "out_like says"),
    "index beyond": (shift(apply=wrong_index), "index names frames that the clip does not show"),
    "absent persons": (shift(apply=everyone), "absent persons are not zero"),
    "a list of draws": (shift(draw=lambda self, x, generator: [1]), "draw returns list"),
    "nothing": (SkeletonAugmentation, "no `apply"),
    "a tensor": (shift(apply=lambda self, view, draws: view.data), "returns Tensor"),
    "no augmentation": (nn.Identity, "is no mmsync.views.BatchAugmentation"),
}


def test_a_good_augmentation_passes():
    testing.check_augmentation(GoodShift)
    testing.check_augmentation(lambda: GoodShift(prob=0.5))


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_augmentation(name):
    broken, message = AUGMENTATIONS[name]
    with pytest.raises(ContractError, match=message):
        testing.check_augmentation(broken)


class TwoRows(nn.Module):
    """Mean product of rows with those of all: of its own process only."""

    def forward(self, first, second):
        return (first @ second.t()).logsumexp(1).mean()


def loss(function) -> nn.Module:
    return type("Loss", (nn.Module,), {"forward": lambda self, *x: function(*x)})()


LOSSES = {
    "no scalar": (loss(lambda a, b: (a * b).sum(1)), "a loss is a scalar"),
    "no gradient": (loss(lambda a, b: (a * b).detach().mean()), "no gradient to any input"),
    "in place": (loss(lambda a, b: a.data.mul_(2).mean() + (a * b).mean()), "changes its inputs|another value"),
    "random": (loss(lambda a, b: (a * b).mean() * torch.rand(())), "another value for the same inputs"),
    "infinite": (loss(lambda a, b: (a * 0).log().mean() + b.mean()), "is -?inf|not finite"),
    "a float": (loss(lambda a, b: 1.0), "returns float"),
    "own process only": (TwoRows(), "the mean over 2 processes.*all_gather"),
    "gradient of its own only": (
        loss(lambda a, b: (a @ gathered(b).t()).logsumexp(1).mean()), "the gradient of input 1 on 2 processes",
    ),
    "crashes on several": (loss(lambda a, b: (a * b).mean() / (1 - rank())), "is|not run"),
}  # fmt: skip


def rank() -> int:
    from mmsync.ops.dist import rank as number

    if number():
        raise ValueError("only on one process")
    return 0


def gathered(x):
    from mmsync.ops.dist import all_gather, world_size

    return x if world_size() == 1 else all_gather(x)


@pytest.mark.parametrize("name", LOSSES)
def test_loss(name):
    broken, message = LOSSES[name]
    with pytest.raises(ContractError, match=message):
        testing.check_loss(broken)


class GoodMethod(SelfSupervisedModel):
    views_needed = ("first", "second")

    def __init__(self, encoder=None):
        super().__init__()
        self.encoder = build_encoder(encoder or GoodNet())

    def loss(self, views, data_samples=None):
        first, second = (self.encoder(views[name]) for name in self.views_needed)
        return {"loss": (first - second).square().mean() + first.square().mean()}


def method(**methods) -> type[SelfSupervisedModel]:
    return type("Method", (GoodMethod,), methods)


def with_labels(self, views, data_samples=None):
    label = data_samples[0].gt_label if data_samples else 0
    return {"loss": self.encoder(views["first"]).square().mean() + label}


def part_of(self, views, data_samples=None):
    return {"loss": 0 * sum(p.sum() for p in self.encoder.parameters())}


METHODS = {
    "no loss key": (method(loss=lambda s, v, d=None: {"error": s.encoder(v["first"]).mean()}), "needs `loss`"),
    "not a dict": (method(loss=lambda s, v, d=None: s.encoder(v["first"]).mean()), "give a dict"),
    "no scalar": (method(loss=lambda s, v, d=None: {"loss": s.encoder(v["first"])}), "give a scalar tensor"),
    "no gradient": (method(loss=lambda s, v, d=None: {"loss": s.encoder(v["first"]).mean().detach()}), "no gradient"),
    "nothing learns": (method(loss=part_of), "no gradient reaches"),
    "labels": (method(loss=with_labels), "depend on gt_label"),
    "no views": (method(views_needed=()), "views_needed is empty"),
    "encoder names": (method(encoders=("encoder", "other")), "names 'other'"),
    "not finite": (method(loss=lambda s, v, d=None: {"loss": s.encoder(v["first"]).mean() / 0}), "not finite"),
    "one feature": (method(extract_feat=lambda s, v, d=None: torch.zeros(1, 2)), "1 features for 4 samples"),
    "random feature": (method(extract_feat=lambda s, v, d=None: torch.rand(4, 2)), "two features for one view"),
}  # fmt: skip


def test_a_good_method_passes():
    testing.check_method(GoodMethod)


@pytest.mark.parametrize("name", METHODS)
def test_method(name):
    broken, message = METHODS[name]
    with pytest.raises(ContractError, match=message):
        testing.check_method(broken)


class GoodProbe(Probe):
    name, headline = "good", "mean"

    def run(self, bank, query, device="cpu"):
        return ProbeResult({"mean": bank.vectors(self.column).mean().item()})


def probe(**parts) -> type[Probe]:
    return type("Own", (GoodProbe,), parts)


def changing(self, bank, query, device="cpu"):
    bank["feature"]
    self.calls = getattr(self, "calls", 0) + 1
    return ProbeResult({"mean": float(self.calls)})


PROBES = {
    "headline": (probe(headline="top1"), "headline 'top1' is not among"),
    "no name": (probe(name=""), "no `name`"),
    "other results": (probe(run=changing), "other results for the same table"),
    "random": (probe(run=lambda *a: ProbeResult({"mean": torch.rand(()).item()})), "global generator"),
    "a tensor": (probe(run=lambda *a: ProbeResult({"mean": torch.ones(())})), "give a number, for instance value.item"),
    "NaN": (probe(run=lambda *a: ProbeResult({"mean": float("nan")})), "finite number"),
    "column unnamed": (probe(missing=lambda self, column: "bad input"), "does not name the missing column"),
}


def test_a_good_probe_passes():
    testing.check_probe(GoodProbe)


@pytest.mark.parametrize("name", PROBES)
def test_probe(name):
    broken, message = PROBES[name]
    with pytest.raises(ContractError, match=message):
        testing.check_probe(broken)


def test_a_metric_of_batches_is_refused():
    class Batches(TableMetric):
        """Counts its parts instead of the samples."""

        parts = 0

        def columns(self):
            return {"feature": "no `feature`"}

        def keeps(self, table):
            Batches.parts += 1
            return table

        def compute(self, table):
            return {"a/parts": float(Batches.parts)}

    with pytest.raises(ContractError, match="in batches"):
        testing.check_metric(Batches)


class GoodSource(SkeletonSource):
    num_coords = 3
    frames = 10

    def __init__(self):
        self.layout = SkeletonLayout.get("ntu25")
        self.names = ["a", "b", "c"]
        self.labels = np.array([0, 1, 1])
        self.class_names = ["x", "y"]
        self.attributes, self.splits = {"subject": np.array([1, 1, 2])}, {"train": ["a", "b"], "test": ["c"]}
        self.spoil()

    def spoil(self):
        pass

    def load(self, index):
        return np.full((1, self.frames, 25, 3), index, np.float32)


def spoilt(**parts) -> type[GoodSource]:
    """A source with attributes set to other values."""

    def spoil(self):
        for name, value in parts.items():
            setattr(self, name, value)

    return type("Spoilt", (GoodSource,), {"spoil": spoil})


def loads(function) -> type[GoodSource]:
    return type("Spoilt", (GoodSource,), {"load": function})


SOURCES = {
    "labels": (spoilt(labels=np.array([0, 1])), r"labels are int64 \(2,\); give an array \(3,\)"),
    "label beyond": (spoilt(labels=np.array([0, 1, 2])), "out of range"),
    "labels of float": (spoilt(labels=np.array([0.0, 1, 1])), "float64"),
    "attribute": (spoilt(attributes={"subject": np.array([1])}), "attribute 'subject' is"),
    "split": (spoilt(splits={"train": ["a", "z"]}), "split 'train' has 1 names that it has not"),
    "twice": (spoilt(names=["a", "a", "c"]), "names are not unique"),
    "twice in a split": (spoilt(splits={"train": ["a", "a"]}), "names twice"),
    "joints": (loads(lambda self, i: np.zeros((1, 5, 20, 3), np.float32)), r"item 0 \(a\) is \(1, 5, 20, 3\)"),
    "float64": (loads(lambda self, i: np.zeros((1, 5, 25, 3))), "give float32"),
    "order of axes": (loads(lambda self, i: np.zeros((3, 5, 25, 1), np.float32)), "give \\(M, T, 25"),
    "random": (loads(lambda self, i: np.random.rand(1, 5, 25, 3).astype(np.float32)), "read differently"),
}


def test_a_good_source_passes(monkeypatch):
    testing.check_source(GoodSource)


@pytest.mark.parametrize("name", SOURCES)
def test_source(name, monkeypatch):
    broken, message = SOURCES[name]
    monkeypatch.setitem(globals(), "Spoilt", broken)  # so that it can be pickled by its name
    broken.__module__ = __name__
    with pytest.raises(ContractError, match=message):
        testing.check_source(broken)


def test_a_source_that_holds_an_open_file_is_refused(monkeypatch, tmp_path):
    broken = spoilt(file=(tmp_path / "x").open("w"))
    monkeypatch.setitem(globals(), "Spoilt", broken)
    broken.__module__ = __name__
    with pytest.raises(ContractError, match="cannot be pickled"):
        testing.check_source(broken)


class Sequences(SequenceSource):
    """Labels of 9 frames for 10."""

    def __init__(self):
        self.names, self.splits = ["a"], {}

    def load(self, index):
        return np.zeros((10, 4), np.float32)

    def frame_labels(self, index):
        return np.zeros(9, np.int64)


def test_a_source_of_sequences_with_wrong_lengths_is_refused():
    with pytest.raises(ContractError, match="10 frames and 9 labels"):
        testing.check_source(Sequences)


def test_hooks():
    class Good(Hook):
        def after_train_epoch(self, runner):
            pass

    class Slip(Hook):
        def after_train_itr(self, runner, batch_idx, data_batch=None, outputs=None):
            pass

    class Short(Hook):
        def after_train_iter(self, runner):
            pass

    testing.check_hook(Good)
    with pytest.raises(ContractError, match="no method 'after_train_itr'; did you mean 'after_train_iter'"):
        testing.check_hook(Slip)
    with pytest.raises(ContractError, match="cannot be called with \\(runner, batch_idx"):
        testing.check_hook(Short)


def test_docstrings():
    def good(x: int) -> None:
        """Take a map ``(N, D)``."""

    class Bad:
        """No shape."""

    class Undocumented(nn.Module):
        """Takes ``(N, D)``.

        Args:
            width: D.
        """

        def __init__(self, width, depth):
            super().__init__()

    testing.check_docstring(good)
    with pytest.raises(ContractError, match="names no shape"):
        testing.check_docstring(Bad)
    with pytest.raises(ContractError, match="no line under Args for depth"):
        testing.check_docstring(Undocumented)


def test_a_map_knows_its_problem():
    good = FeatureMap(torch.zeros(2, 3, 4, 5), torch.zeros(2, dtype=torch.long), 1)
    assert good.problem(3) is None
    assert "axes='DTT'" in good._replace(axes="DTT").problem(3)
    assert "owner is (1,)" in good._replace(owner=good.owner[:1]).problem(3)
