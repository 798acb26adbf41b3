"""``torchrun`` that ends in one message; dist_train.sh and dist_test.sh start it."""

from __future__ import annotations

import logging
import signal
import sys

from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.run import main


def how(exit_code: int) -> str:
    """How a process ended, in words."""
    if exit_code >= 0:
        return f"ended with exit code {exit_code}; its message is above"
    text = f"was killed by {signal.Signals(-exit_code).name}"
    return f"{text} (the system does this when memory runs out)" if exit_code == -signal.SIGKILL else text


if __name__ == "__main__":
    logging.getLogger("torch.distributed.elastic").setLevel(logging.CRITICAL)
    try:
        main()
    except ChildFailedError as error:
        rank, failure = error.get_first_failure()
        print(f"\nprocess {rank} {how(failure.exitcode)}; the others were stopped", file=sys.stderr)
        sys.exit(failure.exitcode if failure.exitcode > 0 else 1)
