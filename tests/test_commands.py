"""The command ``mmsync``, names of shipped configs, and what a wheel contains."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mmsync import commands, fileio
from mmsync.apis import MotionEmbedder, list_models
from mmsync.config import load
from mmsync.errors import ConfigError
from mmsync.registry import LOSSES, NECKS
from mmsync.version import __version__
from mmsync.worlds import FORMATS

ROOT = Path(__file__).parents[1]
CONFIG = ROOT / "configs/aimclr/aimclr_stgcn_synthetic.py"


@pytest.fixture
def mmsync(monkeypatch, capsys, tmp_path):
    """Runs a command in an empty folder: exit code, output, errors."""
    monkeypatch.chdir(tmp_path)

    def call(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["/somewhere/bin/mmsync", *map(str, words)])
        monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])  # put back at the end
        code = 0
        try:
            commands.main()
        except SystemExit as stop:
            code = stop.code or 0
        return (code, *capsys.readouterr())

    return call


@pytest.mark.parametrize(
    "name",
    [
        "aimclr/aimclr_stgcn_synthetic",
        "aimclr/aimclr_stgcn_synthetic.py",
        "configs/aimclr/aimclr_stgcn_synthetic",
        "configs/aimclr/aimclr_stgcn_synthetic.py",
        "aimclr_stgcn_synthetic",
        "aimclr_stgcn_synthetic.py",
        "mmsync::aimclr/aimclr_stgcn_synthetic.py",
        CONFIG,
    ],
)
def test_a_shipped_config_is_found_from_any_folder(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert fileio.config_path(name).samefile(CONFIG)


def test_of_two_files_with_one_name_the_outer_is_meant(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    outer, inner = (ROOT / "configs/aimclr" / place / "aimclr_stgcn_ntu60_xsub.py" for place in ("", "reference"))
    assert fileio.config_path("aimclr_stgcn_ntu60_xsub") == outer
    assert fileio.config_path("aimclr/reference/aimclr_stgcn_ntu60_xsub") == inner


def test_a_file_in_the_current_folder_goes_first_and_parts_of_configs_have_no_short_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    own = tmp_path / "aimclr_stgcn_synthetic.py"
    own.write_text("mine = 1\n")
    assert fileio.config_path("aimclr_stgcn_synthetic").samefile(own)
    assert not fileio.config_path("linear").exists()  # a protocol
    assert not fileio.config_path("ntu60").exists()  # a file of _base_
    assert fileio.config_path("_base_/datasets/ntu60").is_file()


def test_a_config_of_ones_own_inherits_a_shipped_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(
        '_base_ = ["mmsync::aimclr/aimclr_stgcn_synthetic.py"]\ntrain_cfg = dict(max_epochs=3)\n'
    )
    mine, base = load("mine"), load(CONFIG)
    assert mine.train_cfg.max_epochs == 3
    assert mine.model == base.model


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("aimclr/aimclr_stgcn_syntetic.py", "aimclr_stgcn_synthetic"),
        ("simclr/aimclr_stgcn_synthetic", "aimclr_stgcn_synthetic"),
        ("aimclr_stgcn_sinthetic", "aimclr_stgcn_synthetic"),
    ],
)
def test_a_misspelt_config_is_answered_by_the_nearest(name, near, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=f"no such config file; did you mean '{near}'"):
        load(name)


def test_every_tool_is_one_command():
    found = commands.commands()
    internal = {"misc", "benchmarks", "docs"}  # for work on mmsync itself
    tools = {path for path in (ROOT / "tools").rglob("*.py") if not internal & set(path.relative_to(ROOT).parts)}
    assert tools <= set(found.values())
    assert len(set(found.values())) == len(found)
    assert {"train", "test", "benchmark", "embed", "align", "sync", "browse", "check", "list", "doctor"} <= set(found)


def test_help_lists_commands_that_have_a_file(mmsync, monkeypatch):
    monkeypatch.setitem(commands.COMMANDS, "fly", ("fly.py", "is not written"))
    code, said, _ = mmsync()
    assert code == 0
    assert all(f"\n  {name:<15}{text}\n" in said for name, (_, text) in commands.COMMANDS.items() if name != "fly"
               if (ROOT / "tools" / commands.COMMANDS[name][0]).is_file())  # fmt: skip
    assert "fly" not in said
    assert mmsync("--help") == (0, said, "")
    assert mmsync("--version")[1] == f"mmsync {__version__}\n"


def test_a_misspelt_command(mmsync):
    code, said, wrong = mmsync("trian")
    assert (code, said) == (2, "")
    assert "no command 'trian'; did you mean 'train'?" in wrong


def test_help_of_a_command_names_the_command(mmsync):
    code, said, _ = mmsync("train", "--help")
    assert code == 0
    assert said.startswith("usage: mmsync train ")
    assert mmsync("check-data", "--help")[1].startswith("usage: mmsync check-data ")


def test_components_of_one_name_in_two_kinds(mmsync, monkeypatch):
    class Other:
        """Not the neck."""

    LOSSES.import_from_location()
    NECKS.import_from_location()
    monkeypatch.setitem(LOSSES.module_dict, "MeanPool", Other)
    kind, docs = {"neck": NECKS, "loss": LOSSES}, {}
    for name, registry in kind.items():
        said = mmsync("list", "--components", name)[1].splitlines()
        assert [line.split()[0] for line in said] == sorted(registry.module_dict)
        docs[name] = next(line[30:] for line in said if line.startswith("MeanPool "))
    assert docs == {"neck": NECKS.get("MeanPool").__doc__.splitlines()[0], "loss": "Not the neck."}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["2", "tran", "x"], "mmsync launch: error: argument tool: invalid choice"),
        (["0", "train", "x"], "mmsync launch: error: processes: 0; give 1 to 1024"),
        (["2", "train"], "mmsync launch 2 train: error: the following arguments are required: config"),
        (["2", "test", "x", "y", "--bogus"], "mmsync launch 2 test: error: unrecognized arguments: --bogus"),
    ],
)
def test_launch_names_the_command_that_was_typed(mmsync, words, message):
    """Once, before any process starts."""
    code, said, wrong = mmsync("launch", *words)
    assert (code, said) == (2, "")
    assert message in wrong
    assert wrong.count("usage: ") == 1


def test_help_costs_no_torch():
    code = (
        "import sys, contextlib\nfrom mmsync import commands\n"
        "for name, path in commands.commands().items():\n"
        "    with contextlib.suppress(SystemExit): commands.run(path, ['mmsync ' + name, '--help'])\n"
        "    heavy = {'torch', 'mmengine', 'scipy', 'sklearn', 'matplotlib', 'cv2', 'av'} & set(sys.modules)\n"
        "    assert not heavy, (name, heavy)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for name in commands.commands():
        assert re.search(rf"usage: mmsync {name}\s", done.stdout), name
    assert f"  {{{','.join(FORMATS)}}}\n" in done.stdout, "make_synthetic repeats the names"


def test_list(mmsync):
    code, said, _ = mmsync("list", "aimclr*")
    assert code == 0
    assert [line.split()[0] for line in said.splitlines()] == list_models("aimclr*")
    assert "aimclr/aimclr_stgcn_synthetic.py" in said
    assert "aimclr_stgcn_synthetic" in mmsync("list", "aimclr/*_synthetic.py")[1].split()  # by file
    assert mmsync("list", "nothing_like_it")[0] == 2
    NECKS.import_from_location()
    code, said, _ = mmsync("list", "--components", "necks")
    assert [line.split()[0] for line in said.splitlines()] == sorted(NECKS.module_dict)
    assert f"\nneck                          {len(NECKS.module_dict)}\n" in mmsync("list", "--components")[1]
    assert "did you mean 'neck'" in mmsync("list", "--components", "nekc")[2]


def test_embed_writes_what_the_embedder_gives(mmsync):
    rng = np.random.default_rng(0)
    clips = {"a.npy": rng.normal(size=(40, 20, 3)), "b.npy": rng.normal(size=(2, 1, 30, 20, 3))}
    for name, clip in clips.items():
        np.save(name, clip)
    code, said, _ = mmsync("embed", *clips, "--layout", "kinect20", "--out", "out/features.npz")
    assert code == 0
    assert "feature (3, 3840) float32" in said
    found = np.load("out/features.npz")
    assert found["name"].tolist() == ["a.npy", "b.npy:0", "b.npy:1"]
    expected = MotionEmbedder(layout="kinect20")([clips["a.npy"], *clips["b.npy"]])
    np.testing.assert_allclose(found["feature"], expected, atol=1e-4)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["odd.npy", "--layout", "kinect20"], "odd.npy: clip 0 has 19 joints"),
        (["missing.npy"], "missing.npy: there is no such file"),
        (["odd.npy", "--model", "motion_s"], "--model motion_s: there is no such file; did you mean 'motion-s'?"),
        (["odd.npy"], "(--layout names the joints; of a body of your own write a store)"),
        (["empty"], "is no store"),
        (["odd.npy", "--layout", "kinect21"], "did you mean 'kinect20'"),
        (["odd.npy", "--batch-size", "0"], "--batch-size 0"),
        (["odd.npy", "--out", "features.txt"], "name a file .npz"),
        (["motion-s", "odd.npy"], "motion-s is a model; give it as --model motion-s"),
        (["run.pth", "odd.npy"], "give it as --model run.pth"),
    ],
)
def test_embed_says_what_is_wrong(mmsync, words, message):
    np.save("odd.npy", np.ones((40, 19, 3)))
    Path("empty").mkdir()
    code, _, wrong = mmsync("embed", "--out", "features.npz", *words)
    assert code == 2
    assert message in wrong
    assert ("--layout names" in wrong) == ("clip 0 has 19 joints" in wrong)
    assert not Path("features.npz").exists()


def test_doctor(mmsync, monkeypatch, tmp_path):
    data = tmp_path / "sets"
    (data / "nw-ucla").mkdir(parents=True)
    monkeypatch.setenv("MMSYNC_DATA_ROOT", str(data))
    monkeypatch.setenv("MMSYNC_CACHE", str(tmp_path / "cache"))
    code, said, _ = mmsync("doctor")
    assert code == 0, said
    assert "nw-ucla (1 of" in said
    assert "motion-s gives 3840 numbers" in said
    monkeypatch.setenv("MMSYNC_DATA_ROOT", str(tmp_path / "nowhere"))
    code, said, _ = mmsync("doctor")
    assert code == 1
    assert said.endswith("1 problems: MMSYNC_DATA_ROOT\n")


def contents(*folders: Path) -> set[str]:
    """Files of folders, relative to the folder that each is in."""
    files = (path.relative_to(folder.parent) for folder in folders for path in folder.rglob("*") if path.is_file())
    return {path.as_posix() for path in files if "__pycache__" not in path.parts}


def test_a_wheel_holds_the_package_configs_tools_and_the_model_index(tmp_path):
    pytest.importorskip("setuptools", "64")
    build = tmp_path / "build"
    command = ["setup.py", "-q", "egg_info", "--egg-base", tmp_path, "build_py", "--build-lib", build]
    subprocess.run([sys.executable, *map(str, command)], cwd=ROOT, check=True, capture_output=True)
    shipped = build / "mmsync/.mim"
    assert contents(shipped / "configs", shipped / "tools") == contents(ROOT / "configs", ROOT / "tools")
    assert (shipped / "model-index.yml").read_text() == (ROOT / "model-index.yml").read_text()
    package = {name for name in contents(build / "mmsync") if "/.mim/" not in name}
    assert package == {name for name in contents(ROOT / "mmsync") if "/.mim/" not in name}

    code = (
        f"import sys; sys.path[:] = [{str(build)!r}, *(p for p in sys.path if p not in ('', {str(ROOT)!r}))]\n"
        "from mmsync import commands, fileio; assert fileio.CONFIGS.parent.name == '.mim'; commands.main()"
    )
    words = ["check", "--no-files", "aimclr/aimclr_stgcn_synthetic", "default_store", "mamp_vit_ntu60_xsub"]
    done = subprocess.run(
        [sys.executable, "-c", code, *words], cwd=tmp_path, env={"PATH": ""}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count(": ok (") == 3


def test_a_reader_that_leaves_early():
    code = f"{sys.executable} -m mmsync list | head -1; {sys.executable} -m mmsync list --components loss | head -1"
    done = subprocess.run(["bash", "-c", code], capture_output=True, text=True, check=True)
    assert (len(done.stdout.splitlines()), done.stderr) == (2, "")
