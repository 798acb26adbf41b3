#!/usr/bin/env python
"""Export an encoder with its preprocessing as ONNX or as a program of torch.export.

    python tools/export.py motion-s --out motion_s.onnx --verify
    python tools/export.py CHECKPOINT --out model.pt2 --format pt2
    python tools/export.py CONFIG --checkpoint CHECKPOINT --out model.onnx

The input is clips as the data set gives them: skeletons (batch, persons, frames, joints, channels), persons of zeros
being absent; video (batch, frames, height, width, channels) uint8; sequences (batch, frames, features) or (batch,
frames, joints, channels); sound (batch, channels, samples). --verify compares the file with PyTorch on random clips
of two other sizes.
"""

from __future__ import annotations

import argparse
import logging
import math
import sys
import warnings
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Optional

from mmsync.apis.cli import output_file, run_tool
from mmsync.errors import ConfigError, DependencyError, ProtocolError
from mmsync.fileio import config_path, is_config

OTHER = {"batch": (1, 3), "persons": (1, 3), "frames": (64, 51), "samples": (24000, 20000)}
TOLERANCE = 1e-3  # of the largest feature


def parse_args(args: Optional[list[str]] = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", metavar="CONFIG_OR_CHECKPOINT", help="a config, a checkpoint, or a model by name")
    parser.add_argument("--out", required=True, help="the file to write")
    parser.add_argument("--format", choices=["onnx", "pt2"], help="default: by the suffix of --out")
    parser.add_argument("--checkpoint", help="weights of a config; without them, it is exported as initialized")
    parser.add_argument("--encoder", help="name of the encoder, of a method that has several")
    layout = "layout of the clips, of a model that takes any layout, such as motion-s (default: the config's)"
    parser.add_argument("--layout", help=layout)
    parser.add_argument("--shape", nargs="+", type=int, help="shape of an example, where the config suggests none")
    parser.add_argument("--verify", action="store_true", help="compare with PyTorch on clips of two other sizes")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser.parse_args(args)


def suggested_shape(model: Any, encoder: Optional[str] = None) -> Sequence[int]:
    """Shape of an example as the config has clips."""
    from mmsync.apis.export import AXES, input_of
    from mmsync.apis.features import encoder_of

    part = input_of(model, encoder)[1]
    data = (model.cfg.get("test_dataloader") or {}).get("dataset") or {}
    find = getattr(model, "feature_encoder", model.get_submodule)
    backbone = getattr(find(encoder_of(type(model), encoder)), "backbone", None)
    if part.modality == "skeleton" and backbone is not None:
        channels = part.num_coords if part.body_frame else backbone.in_channels // (1 + part.stream.count("+"))
        return 2, 2, 40, part.layout.num_joints, channels
    pairs = data.get("type") == "PairDataset"  # whose size is their number
    size = (data.get("source", {}) if pairs else data).get("size") or getattr(part, "size", None)
    if part.modality == "video" and size:
        tracks = (2,) if pairs and encoder is None else ()
        return 2, *tracks, data.get("frames") or data.get("window") or 16, size, size, 3
    if part.modality == "audio" and data.get("rate") and data.get("duration"):
        return 2, data.get("channels") or 1, round(data["rate"] * data["duration"])
    if part.modality == "sequence" and hasattr(backbone, "in_channels"):
        joints = part.layout.num_joints if part.layout else None
        return (2, 40, joints, backbone.in_channels // joints) if joints else (2, 40, backbone.in_channels)
    axes = ", ".join(AXES[part.modality]) + (", ..." if part.modality == "sequence" else "")
    raise ConfigError(f"the config does not say how large clips are; give one as --shape, ({axes})")


def random_clips(modality: str, shape: Sequence[int]) -> Any:
    """Random clips, some of whose persons are absent."""
    import torch

    generator = torch.Generator().manual_seed(math.prod(shape))
    if modality == "video":
        return torch.randint(256, tuple(shape), generator=generator, dtype=torch.uint8)
    clips = torch.randn(tuple(shape), generator=generator)
    if modality == "skeleton" and clips.dim() == 5:
        clips[0, 1:] = 0
        clips[-1, :, : clips.shape[2] // 4] = 0  # frames in which nobody is seen
    return clips


def load_graph(path: Path) -> Any:
    """A function of clips to features."""
    import torch

    if path.suffix == ".pt2":
        return torch.export.load(path).module()
    try:
        import onnxruntime
    except ImportError as error:
        raise DependencyError(f'running ONNX needs onnxruntime ({error}): pip install "mmsync[export]"') from error
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return lambda clips: torch.from_numpy(session.run(None, {"clips": clips.numpy()})[0])


def verify(model: Any, path: Path, shape: Sequence[Any], encoder: Optional[str] = None) -> float:
    """Print the differences from the model on clips of two other sizes, and return the largest, by its features."""
    import torch

    from mmsync.apis.export import input_of
    from mmsync.apis.features import feature_column

    column = feature_column(type(model), encoder) if hasattr(model, "extract_feat") else "score"
    alone = encoder is not None and not getattr(model, "fuses", False)  # a method may predict features of several
    view, part = input_of(model, encoder)
    name = getattr(model.data_preprocessor, "owners", {}).get(view, view)
    graph, worst = load_graph(path), 0.0
    for number in range(2):
        clips = random_clips(part.modality, [OTHER[size][number] if size in OTHER else size for size in shape])
        with torch.no_grad():
            data = {"inputs": {name: clips}, "data_samples": []}
            if alone:
                found = model.feature_encoder(encoder).extract(model.data_preprocessor(data)["inputs"][view])
            else:
                found = model.test_step(data)[column]
            found = found if isinstance(found, torch.Tensor) else torch.stack(found)
            try:
                difference = float((graph(clips) - found).abs().max())
            except Exception as error:  # of many classes, most of them private
                text = "give an example (--shape) of another size, or clips of its size alone"
                raise ProtocolError(f"{path} fails on clips {tuple(clips.shape)}; {text}: {error}"[:400]) from error
        ratio = difference / max(float(found.abs().max()), 1e-12)
        worst = max(worst, ratio if math.isfinite(ratio) else math.inf)
        text = f"largest difference {difference:.2g}, largest feature {float(found.abs().max()):.3g}"
        print(f"  clips {tuple(clips.shape)}: {text}")
    return worst


def main(args: argparse.Namespace) -> None:
    """Write the file, say what its input is, and compare."""
    out = Path(output_file(args.out))
    form = args.format or out.suffix[1:]
    if form not in ("onnx", "pt2") or out.suffix != f".{form}":
        raise ConfigError(f"--out {args.out}: the name of a file ends with .onnx or .pt2, as its --format")
    from mmsync.apis import get_model, init_model
    from mmsync.apis.export import AXES, FREE, export_model, input_of

    warnings.simplefilter("ignore")  # notes of exporters on themselves
    for name in ("torch.onnx", "torch.export", "onnxscript", "onnx_ir"):
        logging.getLogger(name).setLevel(logging.ERROR)
    with suppress(ImportError):
        import onnxruntime

        onnxruntime.set_default_logger_severity(4)  # a size that fails is tried, and named below
    options = {} if args.layout is None else {"model.data_preprocessor.layout": args.layout}
    source = config_path(args.model)
    if args.checkpoint is None and args.model == "motion-s":
        model = get_model(args.model, pretrained=True, cfg_options=options)
    else:
        model = init_model(source, args.checkpoint, cfg_options=options, other_input=True)
        if args.checkpoint is None and is_config(source):
            print("no --checkpoint: the weights are as initialized")
    modality = input_of(model, args.encoder)[1].modality
    clips = random_clips(modality, args.shape or suggested_shape(model, args.encoder))
    shape = export_model(model, clips, out, form, args.encoder)
    print(f"{out}: clips ({', '.join(map(str, shape))})")
    pipeline = ((model.cfg.get("test_dataloader") or {}).get("dataset") or {}).get("pipeline") or []
    steps = [step["type"] for step in pipeline if not step["type"].startswith("Pack")]
    if steps and not getattr(input_of(model, args.encoder)[1], "body_frame", False):
        print(f"  clips are those after the config's pipeline, which is not in the graph: {', '.join(steps)}")
    for name in AXES[modality]:
        if name in FREE and name not in shape:
            print(f"  {name}: fixed by the encoder; --shape chooses another number")
    if args.verify and verify(model, out, shape, args.encoder) > TOLERANCE:
        sys.exit("the file does not compute what the model does")


if __name__ == "__main__":
    run_tool(main, parse_args())
