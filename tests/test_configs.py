"""Proves of every shipped config that it passes the check, and that slips of a letter in it are told."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from mmsync.config import check, load
from tools.misc import config_slips

ROOT = Path(__file__).parents[1]
CONFIGS = sorted(
    path
    for folder in ("configs", "projects")
    for path in (ROOT / folder).rglob("*.py")
    if not {"_base_", "benchmarks"}
    & set(path.relative_to(ROOT).parts)  # protocols are parts of configs: tests/test_protocols.py
    and (folder == "configs" or "configs" in path.relative_to(ROOT).parts)
)
SAMPLE = ("aimclr/aimclr_stgcn_synthetic.py",)
NAMES = [str(path.relative_to(ROOT)) for path in CONFIGS]


@pytest.fixture(autouse=True)
def _from_the_root(monkeypatch):
    monkeypatch.chdir(ROOT)  # projects are imported from there


@pytest.mark.parametrize("path", CONFIGS, ids=NAMES)
def test_it_has_no_problem(path):
    check(load(path))


@pytest.mark.parametrize("path", CONFIGS, ids=NAMES)
def test_it_says_its_scope_and_keeps_it_short(path):
    assert load(path).default_scope == "mmsync"
    assert len(path.read_text(encoding="utf-8").splitlines()) < 60


def test_their_number_and_chains_keep_the_limits():
    """Experiments inherit from _base_, and files of _base_ from nothing; see tools/misc/count_structure.py."""
    counts = runpy.run_path(str(ROOT / "tools" / "misc" / "count_structure.py"))
    broken = [one for one in counts["config_measures"]() if one.broken]
    assert not broken, broken


@pytest.mark.parametrize("path", CONFIGS, ids=NAMES)
def test_a_resolved_config_loads_to_itself(path, tmp_path):
    cfg = load(path)
    cfg.dump(tmp_path / "dump.py")
    assert load(tmp_path / "dump.py").to_dict() == cfg.to_dict()


def slip_in(each_once: bool) -> None:
    made, missed = 0, []
    seen: set | None = set() if each_once else None
    for path, name in zip(CONFIGS, NAMES):
        one, lost = config_slips.letter_slips(load(path), seen)
        made += one
        missed += [f"{name}: {slip}" for slip in lost]
        print(f"{name}: {one - len(lost)} of {one} slips told")
    rate = 1 - len(missed) / max(made, 1)
    print(f"all: {made - len(missed)} of {made} slips told, {rate:.2%}; missed: {missed}")
    assert rate >= 0.97, missed


def test_97_percent_of_single_letter_slips_are_told_with_the_right_name():
    """In any key or type of any config; a name that several configs have at the same place is tried in the first."""
    slip_in(each_once=True)


@pytest.mark.slow
def test_97_percent_of_the_slips_in_every_single_config_are_told():
    slip_in(each_once=False)


def wrong_values_in(configs: list[Path]) -> None:
    kinds = tuple(kind for kind in config_slips.KINDS if kind != "letters")
    for kind, slips in config_slips.measure(configs, kinds).items():
        missed = [text for text, caught in slips if not caught]
        print(f"{kind}: {len(slips) - len(missed)} of {len(slips)} caught")
        assert len(missed) <= 0.03 * len(slips), (kind, missed)


def test_97_percent_of_wrong_values_in_a_sample_are_caught():
    """Another type, a number out of range, a string with a wrong letter, an absent file, an unknown key."""
    wrong_values_in([ROOT / "configs" / name for name in SAMPLE])


@pytest.mark.slow
def test_97_percent_of_wrong_values_in_all_configs_are_caught():
    wrong_values_in(CONFIGS)
