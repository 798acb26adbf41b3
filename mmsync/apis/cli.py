"""Functions that the command line tools share."""

from __future__ import annotations

import argparse
import errno
import gc
import os
import re
import select
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional

from mmsync.errors import ConfigError, MMSyncError

if TYPE_CHECKING:  # torch and mmengine are imported when arguments are read: --help is immediate
    from mmengine.config import Config


class KeyValue(argparse.Action):
    """Action of options ``KEY=VALUE``; other words end in a message instead of a traceback."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: Any = None) -> None:
        from mmengine.config import DictAction

        action = DictAction(self.option_strings, self.dest, nargs=self.nargs)
        for number, word in enumerate(values):
            key, sign, value = word.partition("=")
            if not sign or not key.strip():
                after = [one for one in values[number + 1 : number + 2] if "=" not in one] or ["VALUE"]
                right = f"KEY{word}" if sign else f"{word}={after[0]}"
                raise argparse.ArgumentError(self, f"{word!r} is not KEY=VALUE; write {right}, without blanks")
            if re.match(r"[\[(\s]*(dict\(|\{)", value):  # MMEngine would take it for text
                text = "a list of dicts" if value.lstrip()[:1] in ("[", "(") else f"a dict, or write {key}.NAME=VALUE"
                text = f"options are numbers, texts and lists of them; give {text} in a config file"
                raise argparse.ArgumentError(self, f"{word!r}: {text}")
            try:
                action._parse_iterable(value)
            except (AssertionError, ValueError, IndexError, RecursionError) as error:
                raise argparse.ArgumentError(self, f"{word!r}: brackets or quotes do not match") from error
        action(parser, namespace, values, option_string)


def add_common_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of every tool that runs a config."""
    default = "work_dirs/<config name>, with what --cfg-options and --seed change"
    parser.add_argument("--work-dir", help=f"folder for logs and checkpoints (default: {default})")
    options = "settings that replace those of the config, for instance optim_wrapper.optimizer.lr=0.1"
    parser.add_argument("--cfg-options", nargs="+", action=KeyValue, metavar="KEY=VALUE", help=options)
    parser.add_argument("--launcher", choices=["none", "pytorch", "slurm", "mpi"], default="none")
    add_trust(parser)
    add_other_input(parser)
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    parser.add_argument("--local_rank", "--local-rank", type=int, default=0, help=argparse.SUPPRESS)


def add_trust(parser: argparse.ArgumentParser) -> None:
    """Add the argument of tools that load checkpoints."""
    text = "let checkpoints run code while they load; only for files whose origin you know"
    parser.add_argument("--trust-checkpoint", action="store_true", help=text)


def add_other_input(parser: argparse.ArgumentParser) -> None:
    """Add the argument of tools that load checkpoints and compare their input."""
    text = "accept a checkpoint that was trained with another input (stream, layout, pipeline, window)"
    parser.add_argument("--other-input", action="store_true", help=text)


def load_config(args: argparse.Namespace) -> Config:
    """Read the config, or that of a checkpoint, and put the common arguments in."""
    from mmsync.config import load, run_name
    from mmsync.config.load import config_within
    from mmsync.engine.checkpoint import read_checkpoint

    os.environ.setdefault("LOCAL_RANK", str(args.local_rank))
    if args.config is None:
        content = read_checkpoint(checkpoint_path(args.checkpoint), trust=args.trust_checkpoint)
        cfg = config_within(content, args.checkpoint, args.cfg_options, args.trust_checkpoint)
        object.__setattr__(cfg, "_filename", str(args.checkpoint))  # for messages
        if "work_dir" not in (args.cfg_options or {}):
            cfg.work_dir = None  # not that of the training, of whatever machine
        if cfg.get("experiment_name") is None:
            cfg.experiment_name = Path(args.checkpoint).resolve().parent.name
    else:
        cfg = load(args.config, args.cfg_options)
    cfg.launcher = args.launcher
    if args.other_input:
        cfg.other_input = True
    if cfg.get("experiment_name") is None:
        seed = getattr(args, "seed", None)
        cfg.experiment_name = run_name(cfg, {} if seed is None else {"randomness.seed": seed})
    if args.work_dir is not None:
        cfg.work_dir = args.work_dir
    elif cfg.get("work_dir") is None:
        cfg.work_dir = str(Path("work_dirs") / cfg.experiment_name)
    return cfg


def build_runner(cfg: Config, trust_checkpoint: bool = False) -> Any:
    """Check a config and build its Runner; ``trust_checkpoint`` lets checkpoints run code while they load."""
    from mmsync.config import check
    from mmsync.registry import RUNNERS

    check(cfg, files=True)
    if trust_checkpoint:
        cfg.trust_checkpoint = True
    return RUNNERS.get(cfg.get("runner_type", "MotionRunner")).from_cfg(cfg)


def check_with_data(cfg: Config, advice: str) -> None:
    """Check that the data of a checked config is there; ``advice`` says how to do without."""
    from mmsync.config import check

    try:
        check(cfg, files=True)
    except ConfigError as error:
        raise ConfigError(f"{error}\n  {advice}") from error


def checkpoint_path(path: str) -> str:
    """The path or address of a checkpoint; raises ``CheckpointError`` if there is no such file."""
    from mmsync.engine.checkpoint import require_checkpoint

    require_checkpoint(path)
    return path


def output_file(path: str) -> str:
    """The path of a file to write at the end; raises ``ConfigError`` if it is a folder, or below a file."""
    target = Path(path).expanduser().absolute()
    in_the_way = next((folder for folder in target.parents if folder.exists() and not folder.is_dir()), None)
    if target.is_dir() or in_the_way is not None:
        why = "is a folder" if target.is_dir() else f"{in_the_way} is a file"
        raise ConfigError(f"--out {path}: {why}; give the path of a file")
    return path


def device(name: Optional[str]) -> str:
    """The name of a device, for ``None`` a GPU if there is one; ``ConfigError`` if torch or this machine has it not."""
    import torch

    name = name or ("cuda" if torch.cuda.is_available() else "cpu")
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError) as error:
        count = torch.cuda.device_count()
        there = "cpu" + (f", cuda:0 to cuda:{count - 1}" if count else "; this machine has no CUDA device")
        raise DeviceError(f"device {name}: cannot be used; there is {there}") from error
    return name


class DeviceError(ConfigError, argparse.ArgumentTypeError):
    """A device that is not there; argparse shows its text, which it does not do with those of other errors."""


def require(cfg: Config, key: str, purpose: str) -> Any:
    """A top-level entry of a config; raises ``ConfigError`` if it is not set, which ``purpose`` needs."""
    if cfg.get(key) is None:
        raise ConfigError(f"{key}: not set in {cfg.filename}, but {purpose} needs it")
    return cfg[key]


_OF_THE_MACHINE = {
    *(errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS, errno.ENAMETOOLONG, errno.EFBIG),
    *(errno.EEXIST, errno.ENOTDIR, errno.EISDIR),  # a file where a folder is to be made, or the reverse
}


_LOST = re.compile(
    r"Connection (closed by peer|reset by peer|refused)|(NCCL|gloo|Socket).*(closed|[Tt]imeout|[Tt]imed out)"
)


def _how_to_continue(error: KeyboardInterrupt, args: argparse.Namespace) -> str:
    if not getattr(error, "saved", False):
        return ""
    words = [word for word in sys.argv if word not in ("--overwrite", "--resume", getattr(args, "resume", None))]
    if args.launcher == "none":
        start = words[0].split() if words[0].startswith("mmsync ") else ["python", words[0]]
        return f"\ncontinue with: {shlex.join([*start, *words[1:], '--resume'])}"
    return "\ncontinue with the same command and --resume"


def _reader_has_left() -> bool:
    """Whether nobody reads the output any more, as after ``| head``."""
    poll = select.poll()
    poll.register(sys.stdout.fileno(), select.POLLERR)
    return bool(poll.poll(0))


def run_tool(main: Callable[[argparse.Namespace], None], args: argparse.Namespace) -> None:
    """Run a tool with its arguments; a mistake of the user ends in one message (or with ``debug``, a traceback)."""
    from mmengine.logging import MMLogger

    from mmsync.engine.console import tame_console

    tame_console(MMLogger.get_current_instance())  # what is said before there is a Runner, or without one
    try:
        main(args)
        sys.stdout.flush()
    except MMSyncError as error:
        if args.debug:
            raise
        text, name = str(error), f"{type(error).__module__}.{type(error).__qualname__}: "
        if "Original Traceback" in text:  # of a data loading worker
            text = text.rsplit(name, 1)[-1].strip()
        rank = int(os.environ.get("RANK", 0)) if getattr(args, "launcher", "none") == "pytorch" else 0
        print(f"\n{f'process {rank}: ' * bool(rank)}{type(error).__name__}: {text}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt as error:
        if args.debug:
            raise
        print(f"\n{str(error) or 'interrupted'}{_how_to_continue(error, args)}", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        if args.debug or not _reader_has_left():
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the flush when Python ends
        sys.exit(1)
    except (OSError, ModuleNotFoundError) as error:  # of the machine, not of mmsync: a full disk, a missing package
        if args.debug or not (isinstance(error, ModuleNotFoundError) or error.errno in _OF_THE_MACHINE):
            raise
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        advice = f"; python -m pip install {missing}" if missing else ""
        print(f"\n{type(error).__name__}: {error}{advice}", file=sys.stderr)
        sys.exit(2)
    except RuntimeError as error:
        if args.debug or not _LOST.search(str(error)):
            raise
        print("\nlost the connection to another process of this run, whose message says why", file=sys.stderr)
        sys.exit(3)
    finally:
        dist = sys.modules.get("torch.distributed")  # else its threads may abort the process while Python shuts down
        if dist is not None and dist.is_available() and dist.is_initialized():
            dist.destroy_process_group()
            gc.collect()  # the model's wrapper holds the group, and the Runner's cycles hold the model
