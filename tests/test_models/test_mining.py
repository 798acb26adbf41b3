"""Mining: masks and statistics equal naive loops; it starts, stops and resumes as it says, and closes no cone."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from mmsync.errors import ConfigError
from mmsync.evaluation.functional import effective_rank
from mmsync.models.losses.info_nce import info_nce, multi_positive_nce, nearest_neighbor_mask, queue_logits
from mmsync.models.modules import MemoryQueue, MomentumEncoder, NeighborMining, mining
from mmsync.ops.neighbors import agreement_beyond_chance, crowding, neighborhood

N, K, TOPK = 12, 30, 3


def similarities(seed: int = 0, views: int = 3, shared: float = 1.0) -> tuple[list[torch.Tensor], torch.Tensor]:
    """Cosines of views and key to a queue, the more alike the larger ``shared`` is."""
    generator = torch.Generator().manual_seed(seed)
    common, *noise = torch.randn(views + 2, N, K, generator=generator)
    *views, key = [(shared * common + x).mul(0.4).tanh() for x in noise]
    return views, key


def opened(**options) -> NeighborMining:
    """A miner whose gate is open: what it passes on is the rule alone."""
    miner = NeighborMining(**{"topk": TOPK, "agreement": 1e-6, "max_crowding": 1.0, **options})
    miner.on.fill_(True)
    miner.agreed.fill_(1.0)
    return miner


def naive_names(similarity: torch.Tensor, topk: int) -> list[set[int]]:
    return [set(sorted(range(K), key=lambda i: -row[i])[:topk]) for row in similarity.tolist()]


@pytest.mark.parametrize("min_similarity", [-1.0, 0.3])
@pytest.mark.parametrize("max_share", [1.0, 0.2])
@pytest.mark.parametrize("share", [0.01, 0.2])
def test_positives_equal_a_naive_loop(min_similarity, max_share, share):
    views, key = similarities()
    found, log = opened(min_similarity=min_similarity, max_share=max_share, neighborhood=share)(views, key, 0)
    size = max(TOPK, int(share * K))
    of_query, of_key = naive_names(views[0], size), naive_names(key, size)
    count = {i: (sum(i in s for s in of_query), sum(i in s for s in of_key)) for i in range(K)}
    for n in range(N):
        named = {i for view in views for i in naive_names(view, TOPK)[n] if view[n, i] >= min_similarity}
        expected = {i for i in named & of_key[n] if max(count[i]) <= max(1, max_share * N)}
        assert set(found[n].nonzero().flatten().tolist()) == expected
    assert log["mined"] == found.sum() / N > 0
    assert log["hub_share"] == pytest.approx(max(q for q, _ in count.values()) / N)


def test_agreement_equals_sets_drawn_by_hand_and_is_zero_by_chance():
    views, key = similarities()
    first, second = naive_names(views[0], TOPK), naive_names(key, TOPK)
    observed = sum(len(a & b) for a, b in zip(first, second)) / (N * TOPK)
    chance = sum(len(a & b) for a in first for b in second) / (N * N * TOPK)  # of any two clips
    a, b = neighborhood(views[0], TOPK), neighborhood(key, TOPK)
    shared, rows = (a & b).sum(), torch.tensor(float(N))
    found = agreement_beyond_chance(shared, a.sum(0).float(), b.sum(0).float(), rows)
    assert found.item() == pytest.approx((observed - chance) / (1 - chance))
    assert found > 0.1

    everyone = torch.full((K,), 0.0).index_fill(0, torch.arange(TOPK), N)  # one hub for all: agreement says nothing
    assert agreement_beyond_chance(torch.tensor(N * TOPK), everyone, everyone, rows).abs() < 1e-4


def test_crowding_counts_pairs_and_does_not_depend_on_the_batch():
    views, _ = similarities()
    sets = naive_names(views[0], TOPK)
    pairs = [len(sets[i] & sets[j]) / TOPK for i in range(N) for j in range(N) if i != j]
    named = neighborhood(views[0], TOPK).sum(0).float()
    assert crowding(named, torch.tensor(float(N))).item() == pytest.approx(sum(pairs) / len(pairs))
    assert crowding(torch.tensor([4.0, 0.0]), torch.tensor(4.0)) == 1
    assert crowding(torch.tensor([1.0, 0.0]), torch.tensor(1.0)) == 0  # one clip has no other to crowd with

    # The expectation over batches of 4 out of 12 is the value of all 12.
    generator = torch.Generator().manual_seed(0)
    of_all = neighborhood(views[0], TOPK)
    draws = [torch.randperm(N, generator=generator)[:4] for _ in range(2000)]
    small = torch.stack([crowding(of_all[rows].sum(0).float(), torch.tensor(4.0)) for rows in draws])
    assert small.mean().item() == pytest.approx(sum(pairs) / len(pairs), abs=0.01)


def test_agreement_on_a_share_of_the_queue_does_not_depend_on_its_length():
    """So one threshold serves a queue of 512 and one of 32768; agreement on a fixed number of entries would fall."""
    torch.manual_seed(0)
    x = torch.randn(256, 16)
    query, key = (F.normalize(x + 0.7 * torch.randn_like(x), dim=1) for _ in range(2))
    found = {}
    for length in (500, 8000):
        queue = F.normalize(torch.randn(16, length), dim=0)
        for size in (5, length // 100):
            a, b = neighborhood(query @ queue, size), neighborhood(key @ queue, size)
            named = a.sum(0).float(), b.sum(0).float()
            found[length, size] = float(agreement_beyond_chance((a & b).sum(), *named, torch.tensor(256.0)))
    assert found[8000, 80] == pytest.approx(found[500, 5], abs=0.03)
    assert found[8000, 5] < 0.7 * found[500, 5]


def hub_similarities() -> tuple[list[torch.Tensor], torch.Tensor]:
    """All views of all clips are nearest to entries 0, 1, 2."""
    views, key = similarities()
    bonus = torch.zeros(K).index_fill(0, torch.arange(TOPK), 2.0)
    return [x + bonus for x in views], key + bonus


def test_a_hub_is_no_positive_of_anyone():
    views, key = hub_similarities()
    assert nearest_neighbor_mask(views)[:, 1 : 1 + TOPK].sum() >= N  # as published it is everyone's
    positives, log = opened()(views, key, 0)
    assert not positives.any()
    assert log["hub_share"] == 1


def naive_gate(history: list[tuple[float, float, int]], miner: NeighborMining) -> list[tuple[bool, int]]:
    """On or off and the alarms after each step of (agreement, crowding, epoch)."""
    agreed, crowded, on, alarms, out = 0.0, 1.0, False, 0, []
    for agreement, crowd, epoch in history:
        agreed += (agreement - agreed) / miner.smoothing
        crowded += (crowd - crowded) / miner.smoothing
        was = on
        if epoch < miner.start_epoch or (miner.max_alarms is not None and alarms >= miner.max_alarms):
            on = False
        elif on:
            on = agreed >= miner.agreement / 2 and crowded <= miner.max_crowding
        else:
            on = agreed >= miner.agreement and crowded <= miner.max_crowding / 2
        alarms += was and not on
        out.append((on, alarms))
    return out


@pytest.mark.parametrize("max_alarms", [1, 2, None])
def test_gate_equals_a_naive_state_machine(max_alarms):
    """Healthy, sick, healthy and so on, for lengths drawn at random: all transitions occur."""
    generator = torch.Generator().manual_seed(0)
    history = []
    for phase in range(12):
        length = int(torch.randint(5, 40, (1,), generator=generator))
        sick = [(0.3, 0.02), (0.0, 0.02), (0.3, 0.02), (0.3, 0.9)][phase % 4]
        history += [(*sick, phase)] * length
    miner = NeighborMining(start_epoch=2, smoothing=5, max_alarms=max_alarms)
    found = []
    for agreement, crowd, epoch in history:
        miner._decide(torch.tensor(agreement), torch.tensor(crowd), epoch)
        found.append((bool(miner.on), int(miner.alarms)))
    assert found == naive_gate(history, miner)
    assert found[-1][1] == max_alarms or (max_alarms is None and found[-1][1] > 2)
    assert {on for on, _ in found} == {False, True}


def test_it_starts_only_when_views_agree_and_stops_when_all_name_the_same(monkeypatch):
    warnings = []
    monkeypatch.setattr(mining, "print_log", lambda text, **_: warnings.append(text))
    miner = NeighborMining(start_epoch=1, topk=TOPK, smoothing=4, max_crowding=0.5, min_similarity=-1)
    unlike = [miner(*similarities(seed, shared=0), 5)[1] for seed in range(40)]
    assert not any(log["mining_on"] for log in unlike)  # views that have nothing in common
    assert not any(miner(*similarities(seed), 0)[1]["mining_on"] for seed in range(10))  # too early
    positives, log = miner(*similarities(), 1)
    assert log["mining_on"] == 1
    assert positives.any()
    logs = [miner(*hub_similarities(), 1)[1] for _ in range(120)]
    assert logs[-1]["mining_on"] == 0
    assert miner.alarms == 1
    assert len(warnings) == 1  # once, not at every step
    assert "agreement of query and key 0.000" in warnings[0]
    assert "crowding 1.000" in warnings[0]


def test_state_dict_holds_the_decision():
    """A miner that was saved and loaded goes on as the one that was not."""
    straight, steps = NeighborMining(topk=TOPK, smoothing=4, max_crowding=0.5), range(12)
    logs = [straight(*similarities(seed), 0)[1] for seed in steps]
    first = NeighborMining(topk=TOPK, smoothing=4, max_crowding=0.5)
    for seed in range(5):
        first(*similarities(seed), 0)
    again = NeighborMining(topk=TOPK, smoothing=4, max_crowding=0.5)
    again.load_state_dict(first.state_dict())
    for seed in range(5, 12):
        assert again(*similarities(seed), 0)[1] == logs[seed]
    assert {float(log["mining_on"]) for log in logs} == {0.0, 1.0}


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (dict(topk=0), "topk=0"),
        (dict(neighborhood=0.0), "neighborhood=0.0.*share"),
        (dict(agreement=1.5), "agreement=1.5"),
        (dict(max_share=-0.1), "max_share=-0.1"),
        (dict(min_similarity=2.0), "min_similarity=2.0.*cosine"),
        (dict(smoothing=0), "smoothing=0"),
    ],
)
def test_numbers_out_of_range_are_told(wrong, told):
    with pytest.raises(ConfigError, match=told):
        NeighborMining(**wrong)


def train_linear_encoder(how: str, common: float) -> float:
    """Effective rank, of 16, of what a linear encoder learns of 8 clusters that share a large common part."""
    torch.manual_seed(0)
    x = torch.randn(8, 32)[torch.arange(512) % 8] + 0.7 * torch.randn(512, 32) + common * torch.randn(32)
    encoder = torch.nn.Linear(32, 16)
    follower, memory = MomentumEncoder(encoder, 0.99), MemoryQueue(16, 256)
    miner = NeighborMining(topk=1, smoothing=20)
    optimizer = torch.optim.SGD(encoder.parameters(), lr=0.01, momentum=0.9)
    for _ in range(200):
        clips = x[torch.randint(512, (32,))]
        views = [clips + 0.5 * torch.randn_like(clips) for _ in range(3)]
        query, extreme = (F.normalize(encoder(view), dim=1) for view in views[:2])
        follower.update(encoder)
        key, queue = F.normalize(follower(views[2]), dim=1), memory.snapshot()
        memory.enqueue(key)
        logits = queue_logits(query, key, queue, 0.1)
        similarities = [(z @ queue).detach() for z in (query, extreme)]
        if how == "off":
            loss = info_nce(logits)
        elif how == "published":
            loss = multi_positive_nce(logits, nearest_neighbor_mask(similarities))
        else:
            mask = miner(similarities, key @ queue, 0)[0].float()
            loss = multi_positive_nce(logits, F.pad(mask, (1, 0), value=1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert how != "safe" or miner.on  # that it does nothing would be no merit
    with torch.no_grad():
        return effective_rank(encoder(x))


def test_published_mining_closes_a_cone_and_safe_mining_does_not():
    """The cause is the common part: without it the published form does no harm."""
    assert train_linear_encoder("published", common=0.0) > 12
    assert train_linear_encoder("off", common=4.0) > 12
    assert train_linear_encoder("published", common=4.0) < 4
    assert train_linear_encoder("safe", common=4.0) > 12
