"""Check the installation: versions, optional packages, device, data, cache, and features of a clip.

    mmsync doctor

Lines with a problem say what to do; the exit code is 1 if there are any. Missing optional packages and data sets are
no problem.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import shutil
import sys
import time
from importlib import metadata
from pathlib import Path

from mmsync.fileio import CONFIGS, SHIPPED, data_path
from mmsync.version import __version__

problems: list[str] = []


def show(name: str, text: str, problem: str = "") -> None:
    """Print a line; with a problem it is marked and counted."""
    print(f"{name:<20}{text}{f'   PROBLEM: {problem}' if problem else ''}", flush=True)
    if problem:
        problems.append(name)


def installed(name: str) -> str | None:
    """The version of a package; full mmcv is as good as mmcv-lite."""
    for one in (name, "mmcv") if name == "mmcv-lite" else (name,):
        try:
            return metadata.version(one)
        except metadata.PackageNotFoundError:
            pass
    return None


def check_versions() -> None:
    """Compare packages with the ranges that the package declares, and list its extras."""
    from packaging.requirements import Requirement
    from packaging.specifiers import SpecifierSet

    try:
        own = metadata.metadata("mmsync")
    except metadata.PackageNotFoundError:
        show("mmsync", __version__, "not installed, only found; run python -m pip install -e . in its folder")
        return
    show("mmsync", f"{__version__} in {SHIPPED}", "" if own["Version"] == __version__ else "installed twice; reinstall")
    wanted = own["Requires-Python"]
    fits = SpecifierSet(wanted).contains(platform.python_version())
    show("python", f"{platform.python_version()} ({wanted})", "" if fits else f"use Python {wanted}")
    requirements = [Requirement(text) for text in metadata.requires("mmsync") or []]
    for one in (one for one in requirements if one.marker is None):
        version, pip = installed(one.name), f"python -m pip install '{one.name}{one.specifier}'"
        fits = version is not None and one.specifier.contains(version, prereleases=True)
        text = f"{version or 'missing'} ({one.specifier or 'any'})".replace(",", ", ")
        show(one.name, text, "" if fits else pip)
    if {"mmcv", "mmcv-lite"} <= {str(one.metadata["Name"]).lower() for one in metadata.distributions()}:
        show("mmcv", "beside mmcv-lite", "they overwrite each other's files; uninstall both, then install one")
    for extra in own.get_all("Provides-Extra") or []:
        needed = [one for one in requirements if one.marker and one.marker.evaluate({"extra": extra})]
        missing = [
            f"'{one.name}{one.specifier}'"
            for one in needed
            if not one.specifier.contains(installed(one.name) or "0", prereleases=True) or not installed(one.name)
        ]
        state = f"python -m pip install {' '.join(missing)}" if missing else "present"
        show(f"extra {extra}", f"{', '.join(one.name for one in needed)}: {state}")


def check_machine() -> None:
    """Show device, processors and threads."""
    import torch

    count = torch.cuda.device_count()
    names = ", ".join(dict.fromkeys(torch.cuda.get_device_name(i) for i in range(count)))
    show("device", f"{count} x {names}" if count else "CPU; torch sees no GPU")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    show("processor", f"{cores} cores, torch uses {torch.get_num_threads()} threads")


def check_folders() -> None:
    """Show where data are looked for and which data sets of the shipped configs are there, and the cache folder."""
    from mmsync.store import cache_root

    root = os.environ.get("MMSYNC_DATA_ROOT")
    wrong = bool(root) and not Path(str(root)).expanduser().is_dir()
    show("MMSYNC_DATA_ROOT", root or "not set; data are looked for in ./data", "no such folder" if wrong else "")
    files = sorted(CONFIGS.joinpath("_base_", "datasets").glob("*.py"))
    named = sorted({name for file in files for name in re.findall(r'^\w+ = "(data/[\w.-]+)"', file.read_text(), re.M)})
    there = [name.partition("/")[2] for name in named if data_path(name).exists()]
    show("data sets", f"{', '.join(there) or 'none'} ({len(there)} of {len(named)} that shipped configs name)")
    cache = cache_root()
    parent = next(folder for folder in (cache, *cache.absolute().parents) if folder.exists())
    free = shutil.disk_usage(parent).free / 1e9
    problem = "" if os.access(parent, os.W_OK) else "cannot be written; set MMSYNC_CACHE to another folder"
    show("cache", f"{cache}, {free:.0f} GB free", problem or ("set MMSYNC_CACHE to a disk with space" * (free < 1)))


def check_features() -> None:
    """Compute features of a random clip by motion-s."""
    import numpy as np
    from mmengine.logging import MMLogger

    from mmsync.apis import MotionEmbedder

    MMLogger.get_current_instance().setLevel("WARNING")
    start = time.perf_counter()
    feature = MotionEmbedder(layout="kinect20")(np.random.default_rng(0).normal(size=(40, 20, 3)))
    fine = feature.shape == (3840,) and bool(np.isfinite(feature).all())
    text = f"motion-s gives {feature.shape[0]} numbers for a random clip in {time.perf_counter() - start:.1f} s"
    show("self-check", text, "" if fine else "they are not finite")


def main() -> int:
    """Run all checks; returns the exit code."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    for check in (check_versions, check_machine, check_folders, check_features):
        try:
            check()
        except Exception as error:  # whatever is broken is what this tool is to report
            hint = ""
            if "libGL" in str(error):
                hint = "; python -m pip install --force-reinstall --no-deps opencv-python-headless"
            show(check.__name__.replace("_", " "), "failed", f"{type(error).__name__}: {error}{hint}")
    print(f"{len(problems)} problems: {', '.join(problems)}" if problems else "no problems")
    return min(len(problems), 1)


if __name__ == "__main__":
    sys.exit(main())
