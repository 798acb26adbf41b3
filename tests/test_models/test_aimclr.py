"""AimCLR and SkeletonCLR: steps equal the reference's numbers; schedule and modules do what they say."""

from __future__ import annotations

import copy
import json

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from mmsync.errors import ConfigError
from mmsync.models.losses.info_nce import info_nce, multi_positive_nce, nearest_neighbor_mask
from mmsync.models.methods import AimCLR, MoCo
from mmsync.models.modules import MemoryQueue, MomentumEncoder
from mmsync.structures import View

from .reference import load_strictly, method_state, tensors, to_mmsync


def encoder_config(out_channels: int = 16) -> dict:
    return dict(
        type="Encoder",
        backbone=dict(type="STGCN", width=4, out_channels=24, dropout=0.0),
        pool=dict(type="SkeletonPool", persons="mean"),
        projector=dict(type="MLPProjector", out_channels=out_channels),
    )


@pytest.mark.parametrize("name", ["infonce", "nnm_top1"])
class TestReferenceStep:
    @pytest.fixture
    def archive(self, fixture_root, name):
        return np.load(fixture_root / "skeleton" / f"aimclr_train_{name}.npz")

    @pytest.fixture
    def model(self, archive):
        meta = json.loads(str(archive["meta"]))
        model = AimCLR(
            encoder_config(),
            queue_size=meta["cfg"]["queue_size"],
            momentum=meta["cfg"]["momentum"],
            temperature=meta["cfg"]["Temperature"],
            drop_scope="batch",
            mining_epoch=0 if meta["nnm"] else None,
            mining_topk=meta["topk"],
        )
        load_strictly(model, method_state(tensors(archive, "sd0/")))
        return model

    @pytest.fixture
    def views(self, archive):
        return {k: View(to_mmsync(torch.from_numpy(archive[f"in/{k}"]))) for k in ("query", "key", "extreme")}

    def test_one_step(self, archive, model, views):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)
        losses = model.loss(views)
        main = losses.get("loss_infonce", losses.get("loss_mining"))
        for found, key in (
            (main, "info_or_nnm"),
            (2 * losses["loss_d3m"], "d3m_extreme"),
            (2 * losses["loss_d3m_drop"], "d3m_drop"),
        ):
            np.testing.assert_allclose(found.item(), archive[f"out/loss_{key}"], rtol=1e-4, atol=1e-5, err_msg=key)
        total = sum(v for k, v in losses.items() if "loss" in k)
        np.testing.assert_allclose(total.item(), archive["out/loss_total"], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(model.queue.keys, archive["out/queue_after"], rtol=1e-4, atol=1e-5)
        assert model.queue.pointer.item() == archive["out/queue_ptr_after"].item()

        total.backward()
        gradients = {k: p.grad for k, p in model.named_parameters()}
        reference = tensors(archive, "grad/encoder_q.")
        names = {f"encoder.{k}": v for k, v in reference.items()}
        for key, expected in method_state_of_gradients(names).items():
            scale = expected.abs().max().item()
            np.testing.assert_allclose(gradients[key], expected, rtol=1e-3, atol=1e-4 * scale, err_msg=key)
        for key, norm in method_state_of_gradients(tensors(archive, "gradnorm/")).items():
            np.testing.assert_allclose(gradients[key].norm(), norm, rtol=1e-3, atol=1e-5, err_msg=key)

        optimizer.step()
        state = model.state_dict()
        for key, expected in method_state({**tensors(archive, "sd1/")}).items():
            np.testing.assert_allclose(state[key], expected, rtol=1e-3, atol=1e-4, err_msg=key)

    def test_logits_and_distributions(self, archive, model, views):
        """Inputs of the loss: logits, both extreme distributions, the target, and the mined positives."""
        seen = {}
        import mmsync.models.methods.aimclr as module

        original = module.queue_logits

        def record(*args):
            seen.setdefault("logits", []).append(original(*args))
            return seen["logits"][-1]

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, "queue_logits", record)
            model.loss(views)
        basic, extreme, dropped = (x.detach() for x in seen["logits"])
        for found, key in (
            (basic, "logits"),
            (extreme.softmax(1), "p_extreme"),
            (dropped.softmax(1), "p_extreme_drop"),
            (basic.softmax(1), "d3m_target"),
        ):
            np.testing.assert_allclose(found, archive[f"out/{key}"], rtol=1e-4, atol=1e-5, err_msg=key)
        if "out/pos_mask" in archive.files:
            mask = nearest_neighbor_mask([x[:, 1:] for x in (basic, extreme, dropped)], 1)
            np.testing.assert_array_equal(mask, archive["out/pos_mask"])


def method_state_of_gradients(named: dict) -> dict:
    """Gradients carry the query encoder's names only."""
    fill = {"queue": torch.zeros(1), "queue_ptr": torch.zeros(1)}
    return {k: v for k, v in method_state({**named, **fill}).items() if not k.startswith("queue.")}


def toy_views(n: int = 4, names=("query", "key", "extreme"), seed: int = 0) -> dict[str, View]:
    generator = torch.Generator().manual_seed(seed)
    return {k: View(torch.randn(n, 2, 8, 25, 3, generator=generator)) for k in names}


def test_skeletonclr_is_cross_entropy_of_plain_logits():
    torch.manual_seed(0)
    model = MoCo(encoder_config(), queue_size=12, temperature=0.2)
    model.init_weights()
    twin, views = copy.deepcopy(model), toy_views(names=("query", "key"))
    losses = model.loss(views)
    q = F.normalize(twin.encoder(views["query"]), dim=1)
    k = F.normalize(twin.key_encoder(views["key"]), dim=1)
    logits = torch.stack([torch.cat([q[i] @ k[i, :, None], q[i] @ twin.queue.keys]) for i in range(4)]) / 0.2
    torch.testing.assert_close(losses["loss_infonce"], -logits.log_softmax(1)[:, 0].mean())
    torch.testing.assert_close(model.queue.keys[:, :4], k.T)
    torch.testing.assert_close(losses["pos_sim"], (q * k).sum(1).mean().detach())


def test_mining_starts_when_it_is_due():
    torch.manual_seed(0)
    model = AimCLR(encoder_config(), queue_size=12, mining_epoch=2, mining_topk=3)
    for epoch, mined in ((0, False), (1, False), (2, True)):
        model.set_epoch(epoch)
        losses = model.loss(toy_views())
        assert ("loss_mining" in losses) == mined
    assert 4 <= losses["positives"] <= 10  # the true key and the union of three views' three neighbors


def test_safe_mining_is_info_nce_until_it_is_on_and_then_has_the_miners_positives():
    torch.manual_seed(0)
    model = AimCLR(
        encoder_config(), queue_size=12, temperature=0.2, mining=dict(topk=2, min_similarity=-1, max_share=1)
    )
    model.init_weights()
    state, seen = copy.deepcopy(model.state_dict()), {}
    plain = AimCLR(encoder_config(), queue_size=12, temperature=0.2)
    plain.load_state_dict({k: v for k, v in state.items() if not k.startswith("miner.")})
    off = model.loss(toy_views())
    assert off["mining_on"] == off["mined"] == 0
    torch.testing.assert_close(off["loss_infonce"], plain.loss(toy_views())["loss_infonce"])

    model.load_state_dict(state)
    model.miner.load_state_dict(
        dict(agreed=torch.tensor(0.5), crowded=torch.tensor(0.0), on=torch.tensor(True), alarms=torch.tensor(0))
    )
    model.miner.register_forward_hook(lambda module, args, out: seen.update(views=args[0], key=args[1], mask=out[0]))
    queue, views = model.queue.snapshot(), toy_views()
    on = model.loss(views)
    with torch.no_grad():
        query, key = (
            F.normalize(e(views[n]), dim=1) for e, n in ((model.encoder, "query"), (model.key_encoder, "key"))
        )
    torch.testing.assert_close(seen["views"][0], query @ queue, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(seen["key"], key @ queue, atol=1e-5, rtol=1e-4)
    assert len(seen["views"]) == 3
    assert on["mined"] == seen["mask"].sum() / 4 > 0
    logits = torch.cat([(query * key).sum(1, keepdim=True), query @ queue], 1) / 0.2
    expected = multi_positive_nce(logits, F.pad(seen["mask"].float(), (1, 0), value=1))
    torch.testing.assert_close(on["loss_infonce"].detach(), expected, atol=1e-4, rtol=1e-4)


def test_under_autocast_the_miner_sees_single_precision():
    """In bfloat16 cosines tie, and counts of clips stop at 256."""
    torch.manual_seed(0)
    model = AimCLR(encoder_config(), queue_size=12, mining={})
    seen = []
    model.miner.register_forward_hook(lambda module, args, out: seen.extend([*args[0], args[1]]))
    with torch.autocast("cpu", torch.bfloat16):
        model.loss(toy_views())
    assert [x.dtype for x in seen] == 4 * [torch.float32]


def test_two_ways_of_mining_at_once_are_refused():
    with pytest.raises(ConfigError, match=r"mining_epoch=3.*None"):
        AimCLR(encoder_config(), queue_size=12, mining={}, mining_epoch=3)


def test_without_drop_there_are_two_terms():
    torch.manual_seed(0)
    model = AimCLR(encoder_config(), queue_size=12, drop_threshold=None)
    assert {k for k in model.loss(toy_views()) if "loss" in k} == {"loss_infonce", "loss_d3m"}


def test_key_encoder_starts_as_configured():
    for key_init, equal in (("copy", True), ("reference", False)):
        torch.manual_seed(0)
        model = MoCo(
            dict(encoder_config(), backbone=dict(type="STGCN", width=4, init="normal")), queue_size=8, key_init=key_init
        )
        model.init_weights()
        pairs = zip(model.encoder.backbone.parameters(), model.key_encoder.module.backbone.parameters())
        assert all(torch.equal(a, b) for a, b in pairs) == equal


def test_momentum_encoder_is_an_exponential_average_without_gradient():
    online = torch.nn.Linear(3, 2).double()
    follower = MomentumEncoder(online, momentum=0.9)
    expected = follower.module.weight.clone()
    for _ in range(5):
        with torch.no_grad():
            online.weight += 1
        follower.update(online)
        expected = 0.9 * expected + 0.1 * online.weight.detach()
    torch.testing.assert_close(follower.module.weight, expected)
    assert not follower(torch.randn(1, 3).double()).requires_grad


@pytest.mark.parametrize("batch", [2, 3, 5])
def test_queue_equals_a_plain_ring(batch):
    """Also where K is no multiple of the batch."""
    queue = MemoryQueue(2, 5)
    ring, position = queue.keys.T.clone(), 0
    for step in range(7):
        keys = F.normalize(torch.randn(batch, 2, generator=torch.Generator().manual_seed(step)), dim=1)
        queue.enqueue(keys)
        for key in keys:
            ring[position] = key
            position = (position + 1) % 5
    torch.testing.assert_close(queue.keys.T, ring)
    assert queue.pointer.item() == position


def test_queue_smaller_than_the_batch_says_what_to_do():
    with pytest.raises(ConfigError, match=r"queue_size=5.*batch of 6.*batch_size"):
        MemoryQueue(2, 5).enqueue(torch.randn(6, 2))


def test_snapshot_outlives_an_enqueue():
    queue = MemoryQueue(2, 4)
    before = queue.snapshot()
    kept = before.clone()
    queue.enqueue(torch.ones(4, 2))
    assert torch.equal(before, kept)


def test_several_positives_reduce_as_they_say():
    torch.manual_seed(0)
    logits = torch.randn(3, 6)
    mask = F.pad((torch.rand(3, 5) > 0.5).float(), (1, 0), value=1)
    p = logits.softmax(1)
    rows = [[p[i, j] for j in range(6) if mask[i, j]] for i in range(3)]
    mean_log = -sum(sum(x.log() for x in row) / len(row) for row in rows) / 3
    log_sum = -sum(sum(row).log() for row in rows) / 3
    torch.testing.assert_close(multi_positive_nce(logits, mask), mean_log)
    torch.testing.assert_close(multi_positive_nce(logits, mask, "log_sum"), log_sum)
    only_key = F.pad(torch.zeros(3, 5), (1, 0), value=1)
    torch.testing.assert_close(multi_positive_nce(logits, only_key), info_nce(logits))
    with pytest.raises(ValueError, match="'sum'"):
        multi_positive_nce(logits, mask, "sum")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (dict(temperature=-1.0), "temperature=-1.0"),
        (dict(momentum=1.5), r"momentum=1.5.*\[0, 1\]"),
        (dict(drop_threshold=1.2), "drop_threshold=1.2"),
        (dict(mining_topk=99), "mining_topk=99.*queue_size=12"),
        (dict(mining=dict(topk=13)), r"mining\.topk=13.*queue_size=12"),
    ],
)
def test_numbers_out_of_range_are_reported(wrong, message):
    with pytest.raises(ConfigError, match=message):
        AimCLR(encoder_config(), **{"queue_size": 12, **wrong})
