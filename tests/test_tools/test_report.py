"""The report of runs: its numbers against the log, its page in a real browser, and what is no run."""

from __future__ import annotations

import base64
import importlib.util
import json
import re
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from run_tool import run_tool
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler

from mmsync.apis.neighbors import ClipNeighbors, find_neighbors
from mmsync.apis.report import STRIP_BYTES, STRIPS, clip_facts, flat, page, run_config, write_report
from mmsync.config import load
from mmsync.engine.runner import MotionRunner
from mmsync.errors import DataError
from mmsync.structures import FeatureTable

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "configs" / "aimclr" / "aimclr_stgcn_synthetic.py"
BAD = "</script><img src=x onerror=\"window.broken=1\"><!--<script> & 'quotes'"


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """A short training with its checkpoint."""
    folder = tmp_path_factory.mktemp("runs") / "first"
    options = {"source.num_clips": (120, 48), "model.encoder.backbone.channels": (8, 16),
               "model.encoder.backbone.strides": (2, 2), "train_dataloader.batch_size": 40,
               "train_cfg.max_epochs": 2, "train_cfg.val_interval": 1}  # fmt: skip
    cfg = load(CONFIG, options)
    cfg.work_dir = str(folder)
    MotionRunner.from_cfg(cfg).train()
    return folder


@pytest.fixture(scope="module")
def report(run, tmp_path_factory):
    """The page of the run and of a copy without its checkpoints, and what it says."""
    other = run.parent / "second"
    shutil.copytree(run, other, ignore=shutil.ignore_patterns("*.pth", "last_checkpoint"))
    config = next(other.glob("*.py"))
    config.write_text(config.read_text().replace("temperature=0.1", "temperature=0.7", 1))
    out = tmp_path_factory.mktemp("page") / "report.html"
    return out, write_report([run, other], out, max_clips=30)


def data_of(text: str) -> dict:
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)[1])


def test_the_page_has_the_numbers_of_the_log_and_loads_nothing(run, report):
    out, said = report
    text = out.read_text()
    data = data_of(text)
    assert data == json.loads(json.dumps(said))
    assert not re.search(r"(src|href)\s*=\s*[\"']?(https?:)?//|@import|url\(|fetch\(|XMLHttpRequest|import\(", text)
    assert "default-src 'none'" in text
    assert "innerHTML" not in re.sub(r"//.*", "", text)
    rows = [json.loads(line) for line in next(run.glob("*/vis_data/scalars.json")).read_text().splitlines()]
    losses = [float(f"{row['loss']:.6g}") for row in rows if "loss" in row]
    knn = [row["knn/top1"] for row in rows if "knn/top1" in row]
    first, second = data["runs"]
    assert first["curves"]["loss"][1] == losses
    assert first["curves"]["knn/top1"][0] == [1, 2]
    assert first["final"]["knn/top1"] == pytest.approx([knn[-1], min(knn), max(knn)], rel=1e-5)
    assert "no epoch_*.pth" in " ".join(second["notes"])
    assert "clips" not in second
    changed = {key for key in first["config"] if first["config"][key] != second["config"][key]}
    assert [key.split(".")[-1] for key in changed] == ["temperature"]
    assert [one["name"] for one in first["pictures"]] == ["embedding.png"]
    assert out.stat().st_size < 5e6


def test_the_same_runs_give_the_same_page(run, report, tmp_path):
    out, _ = report
    write_report([run, run.parent / "second"], tmp_path / "again.html", max_clips=30)
    assert (tmp_path / "again.html").read_bytes() == out.read_bytes()


def test_text_of_clips_cannot_end_the_script(report):
    _, data = report
    data = json.loads(json.dumps(data))
    data["runs"][0]["clips"]["query"]["names"][0] = BAD
    text = page(data)
    assert data_of(text) == data
    assert BAD not in text
    assert text.count("</script>") == 2


def test_neighbors_are_those_of_scikit_learn_and_of_the_log(run):
    found = find_neighbors(run_config(run), str(run / "epoch_2.pth"), k=3)
    scaler = StandardScaler().fit(found.bank.vectors("feature").numpy())
    bank, query = (scaler.transform(side.vectors("feature").numpy()) for side in (found.bank, found.query))
    distance, nearest = NearestNeighbors(n_neighbors=3, metric="cosine").fit(bank).kneighbors(query)
    np.testing.assert_allclose(1 - distance, found.cosine, atol=1e-4)
    assert (nearest == found.nearest).mean() > 0.95  # but for ties
    right = found.votes.argmax(axis=1) == found.labels
    rows = [json.loads(line) for line in next(run.glob("*/vis_data/scalars.json")).read_text().splitlines()]
    assert 100 * right.mean() == pytest.approx([row["knn/top1"] for row in rows if "knn/top1" in row][-1])
    assert ((found.margin > 0) <= right).all()
    assert ((found.margin < 0) <= ~right).all()


def test_the_choice_of_clips_follows_the_seed_and_is_said(run, report):
    facts = report[1]["runs"][0]["clips"]
    assert "30 of 48 test clips against 120 training clips, seed 0" in facts["note"]
    assert len(facts["query"]["names"]) == len(facts["points"]) == len(facts["near"]) == 30
    assert np.sum(facts["confusion"]) == 30
    other = find_neighbors(run_config(run), str(run / "epoch_2.pth"), max_clips=30, seed=1)
    assert other.query.texts("name", "") != facts["query"]["names"]


def test_moving_skeletons_keep_the_lengths_of_bones(run, report):
    facts = report[1]["runs"][0]["clips"]
    dataset = find_neighbors(run_config(run), str(run / "epoch_2.pth"), max_clips=1).dataset
    name = facts["query"]["names"][3]
    frames, persons, coords, code = facts["query"]["clips"][3]
    shown = np.frombuffer(base64.b64decode(code), np.uint8).reshape(frames, persons, facts["joints"], coords)
    raw = dataset.raw(dataset.names.index(name))
    keypoint = raw["keypoint"][np.asarray(raw["person_mask"])][0]
    bones = np.array(facts["bones"])[:, :2]
    lengths = [np.linalg.norm(x[:, bones[:, 0]] - x[:, bones[:, 1]], axis=-1).mean(axis=0)
               for x in (shown[:, 0].astype(float), keypoint[..., :3])]  # fmt: skip
    ratio = lengths[0] / lengths[1]
    long = lengths[0] > 10
    assert long.sum() > 8
    assert np.ptp(ratio[long]) < 0.1 * ratio[long].mean()
    head, pelvis = facts["head"], 0
    assert shown[0, 0, head, 1] > shown[0, 0, pelvis, 1] + 20  # upright


class Films:
    """A data set of pictures: clip ``i`` has two tracks, red that becomes green, and blue; the last is unreadable.

    Above them is noise, that of the clips 0, 1, ..., ``different - 1``, 0, ....
    """

    def __init__(self, count: int, different: int, shape: tuple[int, ...] = (2, 9, 60, 90, 3)) -> None:
        self.count, self.different, self.metainfo = count, different, {"classes": ["a", "b"]}
        self.pictures = np.zeros(shape, np.uint8)
        self.pictures[0, :5, ..., 0] = self.pictures[0, 5:, ..., 1] = self.pictures[1, ..., 2] = 200

    def __getitem__(self, index: int) -> dict:
        if index == self.count - 1:
            raise DataError("unreadable")
        pictures = self.pictures.copy()
        pictures[:, :, :20] = np.random.default_rng(index % self.different).integers(0, 255, (20, 90, 3))
        return {"inputs": {"audio": (np.zeros((1, 100), np.int16),), "video": (list(pictures), np.ones(2, bool))}}


def neighbors_of(dataset: Films, queries: int) -> ClipNeighbors:
    index = torch.arange(dataset.count)
    table = FeatureTable({"index": index, "label": index % 2, "feature": torch.randn(dataset.count, 4)})
    query, bank = table.take(index[-queries:]), table.take(index[:-queries])
    nearest = np.arange(queries * 2).reshape(queries, 2) % len(bank)
    votes = np.eye(2)[query.numbers("label").numpy()]
    return ClipNeighbors(dataset, query, bank, query.numbers("label").numpy(), nearest, nearest / 99, votes,
                         np.ones(queries), "note")  # fmt: skip


@pytest.mark.parametrize(("count", "different"), [(9, 4), (600, 600), (60, 4)])
def test_film_strips_show_the_tracks_side_by_side_in_the_bytes_that_they_have(count, different):
    facts = clip_facts(neighbors_of(Films(count, different), count // 3), 1.0)
    places = [place for side in ("query", "bank") for place in facts[side]["clips"]]
    assert [i for i, place in enumerate(places) if place is None] == [count // 3 - 1]  # the unreadable one
    assert len(facts["strips"]) == min(count - 1, different)  # the same pictures once
    assert sum(len(code) for _, code in facts["strips"]) * 3 / 4 < STRIP_BYTES
    number, code = facts["strips"][places[0]]
    strip = cv2.imdecode(np.frombuffer(base64.b64decode(code), np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    height, width = strip.shape[0], strip.shape[1] // number
    assert width == round(height * 180 / 60)
    assert ((number, height) == STRIPS[0]) == (different == 4)  # the best, where there are few
    strip, left, right = strip[height // 2 :], slice(0, width // 3), slice(2 * width // 3, width)
    for place, wanted in ((0, (200, 0, 0)), (number - 1, (0, 200, 0) if number > 1 else (200, 0, 0))):
        picture = strip[:, place * width : (place + 1) * width].astype(int)
        np.testing.assert_allclose(picture[:, left].mean((0, 1)), wanted, atol=12)
        np.testing.assert_allclose(picture[:, right].mean((0, 1)), (0, 0, 200), atol=12)


def test_configs_are_flattened_where_they_hold_dicts():
    value = dict(a=dict(b=[1, (2, 3)]), views=[dict(type="Mirror"), dict(type="Shear", k={})], empty=[])
    wanted = {
        "a.b": "[1, (2, 3)]",
        "views.0.type": "'Mirror'",
        "views.1.type": "'Shear'",
        "views.1.k": "{}",
        "empty": "[]",
    }
    assert flat(value) == wanted


def tool(capsys, *args):
    code = run_tool("report.py", *args)
    said = capsys.readouterr()
    return code, said.out + said.err


def test_results_of_protocols_and_suites_come_with_their_intervals(run, tmp_path, monkeypatch, capsys):
    beside = run.parent / "benchmark" / "first_epoch_2"
    beside.mkdir(parents=True)
    row = dict(title="linear probe", mean=51.5, std=1.25, seeds=[0, 1], checkpoint="runs/first/epoch_2.pth")
    (beside / "results.json").write_text(json.dumps([row]))
    suite = tmp_path / "suite"
    suite.mkdir()
    accuracy = dict(knn5=dict(mean=70.0, low=65.5, high=74.5, seeds=[70.0]))
    (suite / "results.json").write_text(json.dumps(dict(rows=[dict(set="ucla", row="byol", accuracy=accuracy)])))
    shutil.copytree(next(run.glob("*/vis_data")), suite / "runs" / "byol" / "20260101" / "vis_data")  # not its log
    out = tmp_path / "r.html"
    code, said = tool(capsys, run, suite, "--out", out, "--no-features")
    assert code == 0, said
    first, second = data_of(out.read_text())["runs"]
    assert (first["results"][0]["mean"], first["results"][0]["std"], "clips" in first) == (51.5, 1.25, False)
    assert second["curves"] == {}
    assert (second["results"][0]["low"], second["results"][0]["high"]) == (65.5, 74.5)
    assert f"report: {out}" in said


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["nowhere"], "no such folder"),
        (["empty"], "no vis_data/scalars.json"),
        (["broken"], "no results of tools/benchmark.py"),
        (["empty", "--max-clips", "0"], "give 1 clip or more"),
        (["empty", "--out", "empty"], "is a folder"),
    ],
)
def test_what_is_no_run_ends_in_a_message(args, says, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "results.json").write_text('[{"title": 1}]')
    code, said = tool(capsys, *args)
    assert (code, says in said) == (2, True), said


def test_a_folder_without_its_config_says_so(tmp_path):
    with pytest.raises(DataError, match="resolved config"):
        run_config(tmp_path)


@pytest.fixture(scope="module")
def browser():
    if importlib.util.find_spec("playwright") is None:
        pytest.skip("no browser: python -m pip install playwright, and install Chromium")
    from playwright.sync_api import Error, sync_playwright

    with sync_playwright() as play:
        try:
            path = shutil.which("chromium") or shutil.which("google-chrome")
            found = play.chromium.launch(executable_path=path, args=["--no-sandbox"], timeout=300_000)
        except Error as error:
            pytest.skip(f"no browser: {str(error).splitlines()[0]}")
        yield found
        found.close()


@pytest.mark.parametrize(("width", "scheme"), [(1400, "light"), (400, "dark")])
def test_the_page_works_in_a_browser(browser, report, tmp_path, width, scheme):
    _, data = report
    data = json.loads(json.dumps(data))
    clips = data["runs"][0]["clips"]
    clips["query"]["names"] = [f"{name} {BAD}" for name in clips["query"]["names"]]
    file = tmp_path / "report.html"
    file.write_text(page(data))
    view = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    view.set_default_timeout(300_000)
    errors, requests = [], []
    view.on("console", lambda message: errors.append(message.text) if message.type in ("error", "warning") else None)
    view.on("pageerror", lambda error: errors.append(str(error)))
    view.on("request", lambda request: requests.append(request.url))
    view.goto(file.as_uri())
    assert view.evaluate("document.documentElement.dataset.theme") == scheme
    assert view.evaluate("document.documentElement.scrollWidth") <= width
    assert view.locator("nav a").count() == 7
    assert BAD in view.locator("#neighbors figure small").first.text_content()
    canvas = view.locator("#neighbors canvas").first
    before = canvas.screenshot()
    view.wait_for_timeout(700)
    assert canvas.screenshot() != before  # it moves
    view.locator("#wrong").check()
    wrong = sum(a != b for a, b in zip(clips["predicted"], clips["query"]["labels"]))
    assert f"1 of {wrong}" in view.locator("#neighbors").inner_text()
    assert view.locator("#neighbors .bad").first.is_visible()
    view.locator("#wrong").uncheck()
    label = clips["query"]["labels"][0]
    view.locator("#class").select_option(str(label))
    assert f"1 of {clips['query']['labels'].count(label)}" in view.locator("#neighbors").inner_text()
    view.locator("#neighbors button", has_text="Pause").click()
    assert canvas.screenshot() == canvas.screenshot()
    lines = view.locator("#curves .panel").first
    lines.locator("svg").focus()
    view.keyboard.press("ArrowLeft")
    assert "epoch" in lines.locator(".readout").inner_text()
    view.locator("#log").check()
    view.locator("#smooth").fill("0.5")
    view.locator("#embedding canvas.map").focus()
    view.keyboard.press("ArrowRight")
    assert view.locator("#embedding .readout").inner_text()
    view.locator("#differences").check()
    assert view.locator("#config tbody tr:visible").count() == 1
    view.locator("#theme").click()
    assert view.evaluate("document.documentElement.dataset.theme") == "light"
    assert not errors
    assert not [url for url in requests if not url.startswith(("file:", "data:"))]
    assert view.evaluate("window.broken") is None
    view.close()


def test_film_strips_move_in_a_browser(browser, report, tmp_path):
    data = json.loads(json.dumps(report[1]))
    run = data["runs"][0]
    run["clips"] = json.loads(json.dumps(clip_facts(neighbors_of(Films(9, 4), 3), 1.0)))
    file = tmp_path / "report.html"
    file.write_text(page(data))
    view = browser.new_page(viewport={"width": 1400, "height": 900})
    view.set_default_timeout(300_000)
    errors = []
    view.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    view.on("pageerror", lambda error: errors.append(str(error)))
    view.goto(file.as_uri())
    canvas = view.locator("#neighbors canvas").first
    canvas.scroll_into_view_if_needed()
    view.wait_for_timeout(500)
    color = "(c) => Array.from(c.getContext('2d').getImageData(c.width / 4, c.height / 2, 1, 1).data.slice(0, 3))"
    seen = set()
    for _ in range(40):
        red, green, blue = canvas.evaluate(color)
        seen.add("red" if red > 150 > green else "green" if green > 150 > red else (red, green, blue))
        view.wait_for_timeout(100)
    assert seen == {"red", "green"}
    assert view.locator("#turn").is_hidden()  # nothing to turn
    assert not errors
    view.close()
