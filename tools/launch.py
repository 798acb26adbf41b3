"""Train or test on several processes: one per GPU, or gloo processes on the CPU if there is no GPU.

    mmsync launch 4 train CONFIG [arguments of mmsync train]
    mmsync launch 4 test CONFIG CHECKPOINT [arguments of mmsync test]

Several machines: set NNODES, NODE_RANK, MASTER_ADDR and PORT on each. It is ``torchrun``, but ends in one message.
"""

from __future__ import annotations

import argparse
import logging
import os
import runpy
import signal
import sys

from mmsync.fileio import TOOLS


def how(exit_code: int) -> str:
    """How a process ended, in words."""
    if exit_code >= 0:
        return f"ended with exit code {exit_code}; its message is above"
    text = f"was killed by {signal.Signals(-exit_code).name}"
    return f"{text} (the system does this when memory runs out)" if exit_code == -signal.SIGKILL else text


def parse_args() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("processes", type=int, help="processes on this machine")
    parser.add_argument("tool", choices=["train", "test"])
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="its arguments")
    args = parser.parse_args()
    if not 1 <= args.processes <= 1024:
        parser.error(f"processes: {args.processes}; give 1 to 1024")
    return args


def main(args: argparse.Namespace) -> None:
    """Start the processes, and wait for them."""
    tool = str(TOOLS / f"{args.tool}.py")
    sys.argv = [f"{sys.argv[0]} {args.processes} {args.tool}", *args.arguments]
    runpy.run_path(tool)["parse_args"]()  # a mistake in the arguments is reported once, under the name of this command
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):  # torchrun and MMEngine set these as well, with a warning
        os.environ.setdefault(variable, "1")
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.run import main as torchrun

    logging.getLogger("torch.distributed.elastic").setLevel(logging.CRITICAL)
    get = os.environ.get
    where = ["--standalone"]
    if int(get("NNODES", 1)) > 1:
        where = ["--nnodes", get("NNODES", ""), "--node_rank", get("NODE_RANK", "0")]
        where += ["--master_addr", get("MASTER_ADDR", "127.0.0.1"), "--master_port", get("PORT", "29500")]
    try:
        torchrun([*where, "--nproc_per_node", str(args.processes), tool, *args.arguments, "--launcher", "pytorch"])
    except ChildFailedError as error:
        rank, failure = error.get_first_failure()
        print(f"\nprocess {rank} {how(failure.exitcode)}; the others were stopped", file=sys.stderr)
        sys.exit(failure.exitcode if failure.exitcode > 0 else 1)


if __name__ == "__main__":
    main(parse_args())
