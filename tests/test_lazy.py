"""Names of a package come from its rooms, when they are used."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

ROOMS = {
    "mmsync.models": ("STGCN", "I3D", "SimCLR", "Encoder", "MLPProjector", "LinearHead", "NTXentLoss", "losses"),
    "mmsync.views": ("Shear", "AimCLRExtreme", "ColorJitter", "SkeletonPreprocessor", "BatchAugmentation"),
    "mmsync.evaluation": ("KNN", "LinearProbe", "FeatureMetric", "Accuracy", "Scores"),
    "mmsync.datasets": ("SyntheticSource", "StoreSource", "CenterOnJoint", "SkeletonDataset"),
}


@pytest.mark.parametrize("package", ROOMS)
def test_names_import_from_their_package(package):
    module = importlib.import_module(package)
    for name in ROOMS[package]:
        assert getattr(module, name).__name__.rsplit(".", 1)[-1] == name
        assert name in dir(module)


def test_a_misspelt_name_is_refused_with_the_nearest():
    with pytest.raises(AttributeError, match="no attribute 'STGNC'; did you mean 'STGCN'"):
        importlib.import_module("mmsync.models").STGNC  # noqa: B018


@pytest.mark.parametrize("package", ["mmsync", "mmsync.models", "mmsync.evaluation"])
def test_a_package_costs_no_torch_until_a_name_is_used(package):
    code = f"import sys, {package}; print('torch' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"
