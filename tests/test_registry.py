"""Proves that names are found from a cold process, a broken module hides no other, and ``import mmsync`` is light."""

from __future__ import annotations

import ast
import logging
import subprocess
import sys
import textwrap
from pathlib import Path

import mmengine.registry as root
import pytest
from mmengine.registry import DefaultScope

from mmsync import registry as r
from mmsync.errors import ConfigError, UnknownNameError


def cold(code: str, *paths: Path) -> str:
    """Output of code run in a fresh process, with folders put before ``sys.path``."""
    lines = ["import sys", f"sys.path[:0] = {[str(p) for p in paths]!r}", textwrap.dedent(code)]
    run = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_importing_mmsync_loads_neither_torch_nor_mmengine():
    heavy = ("torch", "mmengine", "mmcv", "numpy", "scipy", "sklearn", "matplotlib")
    assert cold(f"import mmsync; print([m for m in {heavy!r} if m in sys.modules])").strip() == "[]"


def test_mmengines_components_are_found_from_a_cold_process():
    out = cold(
        """
        from mmsync import registry as r
        for registry, name in [
            (r.HOOKS, "mmengine.EMAHook"), (r.OPTIMIZERS, "AdamW"), (r.LOOPS, "ValLoop"), (r.RUNNERS, "Runner"),
            (r.DATA_SAMPLERS, "DefaultSampler"), (r.PARAM_SCHEDULERS, "StepLR"), (r.HEADS, "torch.nn.Linear"),
            (r.BACKBONES, "mmengine.BN"), (r.VISBACKENDS, "LocalVisBackend"), (r.FUNCTIONS, "pseudo_collate"),
        ]:
            print(registry.get(name).__name__)
        """
    )
    assert out.split()[:2] == ["EMAHook", "AdamW"]
    assert len(out.split()) == 10


def registered_in_source() -> list[tuple[str, str]]:
    """Registry and name of every decorated class and function, read from the text of the package."""
    found = []
    for path in (Path(r.__file__).parent).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            for decorator in getattr(node, "decorator_list", []):
                call = ast.unparse(decorator)
                if ".register_module(" in call and isinstance(node, (ast.ClassDef, ast.FunctionDef)):
                    found.append((call.split(".")[0], node.name))
    return found


def test_every_registered_name_is_found_without_an_import_by_hand():
    names = registered_in_source()
    out = cold(f"from mmsync import registry as r\nfor a, b in {names!r}: print(getattr(r, a).get(b).__name__)")
    assert sorted(out.split()) == sorted(name for _, name in names)


PACKAGE = {
    "toypackage/__init__.py": "",
    "toypackage/good.py": "from toyregistry import TOYS\n@TOYS.register_module()\nclass GoodToy: pass\n",
    "toypackage/bad.py": "import no_such_package\n",
    "toypackage/deep/__init__.py": "",
    "toypackage/deep/toy.py": "from toyregistry import TOYS\n@TOYS.register_module()\nclass DeepToy: pass\n",
    "toyregistry.py": "from mmsync.registry import Registry\nTOYS = Registry('toy', locations=['toypackage'])\n",
}


@pytest.fixture
def package(tmp_path):
    for name, text in PACKAGE.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_a_module_that_fails_hides_no_other_and_is_reported_with_its_reason(package):
    out = cold(
        """
        from toyregistry import TOYS
        print(TOYS.get("GoodToy").__name__, TOYS.get("mmsync.DeepToy").__name__)
        try:
            TOYS.get("BoodToy")
        except KeyError as error:
            print(error)
            print(type(error.__cause__).__name__, error.suggestions)
        """,
        package,
    )
    assert out.splitlines()[0] == "GoodToy DeepToy"
    assert "toypackage.bad could not be imported: ModuleNotFoundError: No module named 'no_such_package'" in out
    assert "ModuleNotFoundError ('GoodToy',)" in out


def test_plugins_are_imported_on_the_first_lookup_and_a_broken_one_is_reported(package):
    info = package / "toy_plugin-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-plugin\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[mmsync.plugins]\ntoy = toyplugin\nbroken = no_such_plugin\nfunction = toyplugin:add\n"
    )
    (package / "toyplugin.py").write_text(
        "from mmsync.registry import BACKBONES\n"
        "@BACKBONES.register_module()\nclass PluginNet: pass\n"
        "def add(): BACKBONES.register_module('CalledNet', module=PluginNet)\n"
    )
    out = cold(
        """
        from mmsync.registry import BACKBONES
        print("toyplugin" in sys.modules, BACKBONES.get("PluginNet").__name__, BACKBONES.get("CalledNet").__name__)
        try:
            BACKBONES.get("PluginNett")
        except KeyError as error:
            print(error)
        """,
        package,
    )
    assert out.startswith("False PluginNet PluginNet\n")
    assert "did you mean 'PluginNet'?" in out
    assert "plug-in broken (no_such_plugin) could not be imported" in out


def test_an_unknown_name_is_a_config_error_and_a_key_error_with_the_nearest_names():
    with pytest.raises(UnknownNameError, match="'AdmaW' is not a registered optimizer; did you mean 'AdamW'") as error:
        r.OPTIMIZERS.build(dict(type="AdmaW"))
    assert isinstance(error.value, ConfigError)
    assert isinstance(error.value, KeyError)
    assert error.value.problems
    assert "AdmaW" not in r.OPTIMIZERS
    assert "AdamW" in r.OPTIMIZERS
    with pytest.raises(KeyError, match="registered as: optimizer"):
        r.HEADS.get("AdamW")


def test_every_root_of_mmengine_has_a_child_so_that_no_build_warns(caplog):
    roots = {name: value for name, value in vars(root).items() if isinstance(value, root.Registry)}
    assert len(roots) > 20
    for name, registry in roots.items():
        assert registry.children["mmsync"] is getattr(r, name), name
    # the name is unique in the process, as the scopes of mmengine are kept for ever
    DefaultScope.get_instance("test_registry", scope_name="mmsync")
    with caplog.at_level(logging.WARNING), DefaultScope.overwrite_default_scope("mmsync"):
        assert root.FUNCTIONS.get("pseudo_collate")
        for registry in (r.BACKBONES, r.NECKS, r.HEADS, r.LOSSES, root.MODELS):
            registry.build(dict(type="mmengine.BN", num_features=2))
    assert "Failed to search registry" not in caplog.text


def test_components_are_built_under_any_default_scope():
    @r.BACKBONES.register_module(name="AnyScopeNet", force=True)
    class AnyScopeNet:
        """Nothing."""

    for scope in ("mmengine", "mmsync", "someone_else"):
        with DefaultScope.overwrite_default_scope(scope):
            assert isinstance(r.BACKBONES.build(dict(type="AnyScopeNet")), AnyScopeNet)
            assert isinstance(r.BACKBONES.build(dict(type="mmsync.AnyScopeNet")), AnyScopeNet)


def test_functions_are_mirrored_where_mmengine_asks_its_root_directly():
    @r.FUNCTIONS.register_module(name="toy_collate", force=True)
    def toy_collate(batch: list) -> list:
        """The batch."""
        return batch

    assert root.FUNCTIONS.get("toy_collate") is toy_collate


def test_a_third_party_may_hang_a_child_below_ours():
    child = root.Registry("backbone", parent=r.BACKBONES, scope="third_party")
    try:

        @child.register_module()
        class ThirdPartyNet:
            """Nothing."""

        assert r.BACKBONES.get("third_party.ThirdPartyNet") is ThirdPartyNet
    finally:
        r.BACKBONES.children.pop("third_party")
