"""Puts configs, tools and the model index into a wheel, where MIM looks for them; the rest is in setup.cfg."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent


class BuildWithMim(build_py):
    """A checkout, also one installed with ``pip install -e``, uses its own folders: mmsync/fileio.py."""

    def run(self):
        super().run()
        if self.editable_mode:
            return
        target = Path(self.build_lib, "mmsync", ".mim")
        shutil.rmtree(target, ignore_errors=True)  # of a former build
        for folder in ("configs", "tools"):
            shutil.copytree(ROOT / folder, target / folder, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
        shutil.copy(ROOT / "model-index.yml", target)


setup(cmdclass={"build_py": BuildWithMim})
