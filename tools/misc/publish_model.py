"""Strips a checkpoint to what makes features: the encoders' weights in half precision, and how they were trained.

    mmsync publish_model work_dirs/default_store/iter_500.pth published/my_model.pth

writes published/my_model-1a2b3c4d.pth: the name ends with the first digits of the file's SHA-256, which are compared
when the file is loaded or downloaded. The same checkpoint gives the same bytes. With --card, the table between the two
marks of a document is written anew.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Optional

from mmsync.apis.cli import output_file, run_tool
from mmsync.errors import CheckpointError, DataError
from mmsync.fileio import atomic_path, write_text

KEPT = ("cfg", "seed", "epoch", "iter", "mmsync_version", "mmengine_version", "format", "input", "folds")
BEGIN, END = "<!-- weights: begin -->", "<!-- weights: end -->"


def strip(checkpoint: Mapping[str, Any], source: str, digest: str, projector: bool = True) -> dict[str, Any]:
    """The checkpoint of the encoders alone; parameters in half precision, buffers as they are."""
    from mmengine.registry import init_default_scope

    from mmsync import compat
    from mmsync.protocols.protocol import base_config
    from mmsync.registry import MODELS

    cfg = base_config(checkpoint, None, {}, source)
    init_default_scope(cfg.default_scope)
    model = MODELS.build(cfg.model)
    prefixes, learned = model.encoder_prefixes(cfg.model), {name for name, _ in model.named_parameters()}
    weights = {
        f"{encoder}.{name[len(prefix) :]}": value.half() if name in learned else value
        for encoder, prefix in prefixes.items()
        for name, value in checkpoint["state_dict"].items()
        if name.startswith(prefix) and (projector or not name.startswith(f"{prefix}projector."))
    }
    if not weights:
        raise CheckpointError(f"{source} has no weights of {', '.join(prefixes.values())}")
    meta = {key: checkpoint["meta"][key] for key in KEPT if key in checkpoint["meta"]}
    return {"meta": compat.to_plain({**meta, "source_sha256": digest}, "meta"), "state_dict": weights}


def table(content: Mapping[str, Any], data: bytes) -> str:
    """Facts of the published file, as a table of Markdown."""
    meta, weights = content["meta"], content["state_dict"]
    rows = {
        "sha256": f"`{hashlib.sha256(data).hexdigest()}`",
        "size": f"{len(data) / 1e6:.1f} MB",
        "weights": f"{sum(v.numel() for v in weights.values() if v.is_floating_point()) / 1e6:.2f} million",
        "trained": f"{meta['iter']} iterations, seed {meta['seed']}, mmsync {meta['mmsync_version']}",
        "made from a checkpoint with sha256": f"`{meta['source_sha256']}`",
    }
    return "\n".join(["| property | value |", "|---|---|", *(f"| {key} | {value} |" for key, value in rows.items())])


def write_card(path: Path, text: str) -> None:
    """Replace what is between the marks of a card."""
    card = path.read_text(encoding="utf-8")
    if BEGIN not in card or END not in card:
        raise DataError(f"{path} lacks the lines {BEGIN} and {END}, between which the table goes")
    write_text(path, re.sub(f"{BEGIN}.*{END}", lambda _: f"{BEGIN}\n{text}\n{END}", card, flags=re.DOTALL))


def parse_args(args: Optional[list[str]] = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", help="a checkpoint of a pretraining")
    parser.add_argument("out", help="the file to write; its checksum is added to the name")
    parser.add_argument("--no-checksum", action="store_true", help="write OUT itself, as for weights in mmsync/weights")
    parser.add_argument("--no-projector", action="store_true", help="leave out the projector, which only losses need")
    parser.add_argument("--card", type=Path, help="a document whose table is written anew")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser.parse_args(args)


def main(args: argparse.Namespace) -> None:
    import torch

    from mmsync.engine.checkpoint import read_checkpoint, require_checkpoint

    out, file = Path(output_file(args.out)).expanduser(), require_checkpoint(args.checkpoint)
    checkpoint = read_checkpoint(file)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    content = strip(checkpoint, args.checkpoint, digest, not args.no_projector)
    buffer = io.BytesIO()  # into a file, torch would write the name of the file too
    torch.save(content, buffer)
    text = table(content, buffer.getvalue())
    if not args.no_checksum:
        out = out.with_name(f"{out.stem}-{hashlib.sha256(buffer.getvalue()).hexdigest()[:8]}{out.suffix or '.pth'}")
    if args.card:
        write_card(args.card, text)
    with atomic_path(out) as temporary:
        temporary.write_bytes(buffer.getvalue())
    print(f"{out}\n{text}")


if __name__ == "__main__":
    run_tool(main, parse_args())
