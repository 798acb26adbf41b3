"""The name of a run: that of its config file, with what the command line chose in place of the file's own choice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mmengine.config import Config

from mmsync.config.load import Notes

NAMED = {"phase": "pku", "split": "", "fold": "fold", "stream": ""}
"""Variables whose values are words of a file's name, with the letters before the value in that word."""


def run_name(cfg: Config) -> str:
    """The name of the run of a config, which its work dir and its logs have.

    ``sync3d_stgcn_sbu_fold1`` with ``fold=2`` is ``sync3d_stgcn_sbu_fold2``; ``aimclr_stgcn_ntu60_xsub`` with
    ``stream=joint+bone`` is ``aimclr_stgcn_ntu60_xsub_joint-bone``.

    Args:
        cfg: A config that :func:`mmsync.config.load` has read from its file.
    """
    words = Path(cfg.filename).stem.split("_")
    notes = Notes.of(cfg) or Notes()
    for name, letters in NAMED.items():
        old, new = (_word(letters, value) for value in notes.chosen.get(name, ("", "")))
        if old == new:
            continue
        if old in words:
            words[words.index(old)] = new
        else:
            words.append(new)
    return "_".join(words)


def _word(letters: str, value: Any) -> str:
    return letters + str(value).replace("+", "-")
