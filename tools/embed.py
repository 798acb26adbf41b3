"""Write the features of skeleton clips to a file, by motion-s or a checkpoint of your own.

    mmsync embed clip_a.npy clip_b.npy --layout kinect20 --out features.npz
    mmsync embed ntu60_3danno.pkl --out features.npz
    mmsync embed data/mine --model work_dirs/my_run/epoch_200.pth --out features.npz

A file .npy holds a clip (T, V, C) or (M, T, V, C), or clips (N, M, T, V, C): persons, frames, joints, coordinates. A
pickle is one of PYSKL or MMAction2, a folder a store of mmsync. The output holds feature (N, D) and name (N).
"""

from __future__ import annotations

import argparse
from pathlib import Path

from mmsync.apis.cli import device, output_file, run_tool
from mmsync.errors import ConfigError, DataError, did_you_mean, nearest
from mmsync.fileio import atomic_path, shipped_weights


def parse_args() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("inputs", nargs="+", metavar="FILE", help="arrays .npy, a pickle, or the folder of a store")
    parser.add_argument("--out", required=True, metavar="FILE.npz", help="file to write")
    parser.add_argument("--model", default="motion-s", help="motion-s, or a checkpoint (default: motion-s)")
    parser.add_argument("--layout", help="joints of arrays and pickles (default: those of the model)")
    parser.add_argument("--num-coords", type=int, choices=[2, 3], help="coordinates of a joint (default: as it looks)")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--device", type=device, default="cpu")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser.parse_args()


def main(args: argparse.Namespace) -> None:
    """Write the features, and print shapes."""
    if not output_file(args.out).endswith(".npz"):
        raise ConfigError(f"--out {args.out}: name a file .npz")
    if args.batch_size < 1:
        raise ConfigError(f"--batch-size {args.batch_size}: must be 1 or more")
    for path in args.inputs:
        if Path(path).suffix == ".pth" or (path in shipped_weights() and not Path(path).exists()):
            raise DataError(f"{path} is a model; give it as --model {path}, after the clips")
        if not Path(path).exists():
            raise DataError(f"{path}: there is no such file")
    if args.model != "motion-s" and "://" not in args.model and not Path(args.model).exists():
        hint = did_you_mean(nearest(args.model, ["motion-s"]))
        raise ConfigError(f"--model {args.model}: there is no such file{hint}; give motion-s or a checkpoint")
    import numpy as np
    from mmengine.logging import MMLogger

    from mmsync.apis import MotionEmbedder

    MMLogger.get_current_instance().setLevel("WARNING")
    embedder = MotionEmbedder(args.model, args.layout, args.num_coords, args.batch_size, args.device)
    features, names = [], []
    for path in args.inputs:
        try:
            found = embedder.transform(path)
        except DataError as error:
            hint = " (--layout names the joints; of a body of your own write a store)" * ("joints" in str(error))
            text = str(error) if str(error).startswith(path) else f"{path}: {error}"
            raise DataError(f"{text}{hint}") from error
        print(f"{path}: {len(found)} clip{'s' * (len(found) > 1)}")
        features.append(found)
        names += [path] if len(found) == 1 else [f"{path}:{index}" for index in range(len(found))]
    feature = np.concatenate(features)
    with atomic_path(args.out) as temporary:
        np.savez(temporary, feature=feature, name=np.array(names))
    print(f"written: {args.out}, feature {feature.shape} {feature.dtype}, name {(len(names),)}")


if __name__ == "__main__":
    arguments = parse_args()
    run_tool(main, arguments)
