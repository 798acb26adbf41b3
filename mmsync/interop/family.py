"""Families of other projects' checkpoints: their tables, and the command line of each. It imports no torch."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Optional

from mmsync.apis.cli import KeyValue, run_tool
from mmsync.errors import CheckpointError

if TYPE_CHECKING:
    import torch
    from mmengine.config import Config
    from torch import Tensor

FAMILIES = ("aimclr", "crossclr", "cmd", "motionbert", "mamp", "i3d", "video_resnet", "syncnet", "casa", "carl")
BACKBONE, HEAD = "encoder.backbone.", "head.fc."

State = dict[str, "Tensor"]
Rules = Sequence[tuple[str, Optional[str]]]


class Form(NamedTuple):
    """One kind of file of a family."""

    title: str  # in messages
    rules: Rules  # prefixes, theirs -> ours, first match wins; None: stored aside; <fc>: see ``convert.rename``
    theirs: tuple[str, ...] = ()  # prefixes that all occur among the reference's names; or
    ours: tuple[str, ...] = ()  # prefixes that all occur among mmsync's; empty if only converted files can go back
    container: Optional[str] = None  # entry of the released files that holds the weights
    anchor: str = ""  # end of a name that only this form has; whatever precedes it precedes all names of the network
    arrays: Literal["torch", "tensorflow", "images"] = "torch"  # layout; images: 2D kernels that are to be inflated
    note: str = ""  # input that the weights were made for

    def prefix(self, names: Sequence[str]) -> Optional[str]:
        """Prefix of all names of the network in a file of this form; ``None`` for another form."""
        if not self.anchor:
            return "" if has_all(names, self.theirs) else None
        prefixes = (name[: -len(self.anchor)] for name in names if name.endswith(self.anchor))
        return next((prefix for prefix in prefixes if prefix[-1:] in ("", ".", "/")), None)


class Family:
    """Files of one project; a subclass supplies the table and what is special to the project."""

    name: str  # of its module
    title: str  # in messages
    forms: dict[str, Form]  # the most specific first
    pool: dict[str, Any]  # config of the pooling neck of the published networks
    configs: dict[str, str] = {}  # shipped config to pair with, by method or backbone
    stem: str = ""  # first weight of the backbone, which locates it in any mmsync checkpoint; empty: by the forms
    module: bool = False  # whether the released files have the prefix ``module.``
    momentum: bool = False  # whether a bare encoder is also copied to the key encoder
    undetermined: str = ""  # settings of the backbone that neither names nor shapes determine
    options: dict[str, dict] = {}  # command line options of :meth:`backbone`, with the arguments of ``add_argument``
    reverse_options: dict[str, dict] = {}  # those of :meth:`restore`

    @property
    def writable(self) -> list[str]:
        """Forms that mmsync's checkpoints can be written in."""
        return [key for key, form in self.forms.items() if form.arrays != "images"]

    def detect(self, names: Sequence[str]) -> Optional[tuple[str, str]]:
        """Form of a reference file, and the prefix of its names; ``None``: a file of another family."""
        found = ((key, form.prefix(names)) for key, form in self.forms.items())
        return next(((key, prefix) for key, prefix in found if prefix is not None), None)

    def own_form(self, names: Sequence[str]) -> Optional[str]:
        """Form that an mmsync checkpoint can be written in, by its names."""
        return next((key for key, form in self.forms.items() if has_all(names, form.ours)), None)

    def adapt(self, state: State, aside: State, form: Form) -> dict[str, Any]:
        """Adapt renamed arrays to mmsync in place; return what :meth:`restore` needs to undo it."""
        return {}

    def restore(self, state: State, aside: State, form: Form, origin: Mapping[str, Any], source: str) -> None:
        """Undo :meth:`adapt` in place, before the names become the reference's; a subclass may add options."""

    def backbone(self, state: State, source: str, config: Optional[Config]) -> dict[str, Any]:
        """Derive the config of the backbone from its weights; a subclass may add options."""
        raise NotImplementedError

    def model(self, state: State, backbone: dict[str, Any], source: str) -> dict[str, Any]:
        """Config of the model: a classifier if the file has its layers, else :meth:`headless`."""
        encoder = dict(type="Encoder", backbone=backbone, pool=self.pool)
        if f"{HEAD}bias" in state:
            head = dict(type="LinearHead", num_classes=len(state[f"{HEAD}bias"]))
        elif "head.fc1.weight" in state:
            classes = shape(state, "head.fc2.bias", source)[0]
            head = dict(type="ActionHead", hidden_channels=len(state["head.fc1.weight"]), num_classes=classes)
        else:
            return self.headless(state, encoder, source)
        return dict(type="Classifier", encoder=encoder, head=head)

    def headless(self, state: State, encoder: dict[str, Any], source: str) -> dict[str, Any]:
        """Config of the model of a file without a classifier."""
        return dict(encoder=encoder)


def get_family(name: str) -> Family:
    """The family of a name in ``FAMILIES``."""
    return import_module(f"mmsync.interop.{name}").FAMILY


def shape(state: Mapping[str, Tensor], name: str, source: str) -> torch.Size:
    """Shape of a weight, or a CheckpointError if it is missing."""
    if name not in state:
        raise CheckpointError(f"{source}: cannot determine the network, {name} is missing; the file is incomplete")
    return state[name].shape


def own_weights(state: State) -> State:
    """The backbone's weights, under its own names."""
    return {name[len(BACKBONE) :]: value for name, value in state.items() if name.startswith(BACKBONE)}


def has_all(names: Sequence[str], prefixes: Sequence[str]) -> bool:
    return bool(prefixes) and all(any(name.startswith(prefix) for name in names) for prefix in prefixes)


def converter(family: str) -> None:
    """Run the command line of a family's converter: ``SRC DST [--reverse]``."""
    kind = get_family(family)
    forms = "; ".join(form.title for form in kind.forms.values())
    parser = argparse.ArgumentParser(description=f"Convert checkpoints of {kind.title} ({forms}) to mmsync, and back.")
    parser.add_argument("src", help="checkpoint to read")
    parser.add_argument("dst", help="checkpoint to write")
    parser.add_argument("--reverse", action="store_true", help="from mmsync to the reference")
    parser.add_argument("--config", help="compare with this config's model, and store the config in the checkpoint")
    parser.add_argument("--cfg-options", nargs="+", action=KeyValue, metavar="KEY=VALUE", help="of that config")
    parser.add_argument(
        "--dump-config",
        metavar="FILE",
        help="write a config of the model as well, complete with the data of --config, or of the shipped config that "
        "the file is paired with; a file with a classifier is then evaluated by mmsync test FILE DST",
    )
    parser.add_argument("--partial", action="store_true", help="accept weights of the backbone that do not match")
    parser.add_argument("--trust-checkpoint", action="store_true", help="let the file run code while it loads")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    for name, arguments in {**kind.options, **kind.reverse_options}.items():
        parser.add_argument(f"--{name.replace('_', '-')}", **arguments)
    if kind.stem:
        parser.add_argument("--form", choices=kind.writable, help="with --reverse: whose names (default: as it came)")
    args = parser.parse_args()
    from mmsync.interop.convert import run  # after the arguments, since it imports torch: --help is immediate

    run_tool(lambda args: run(kind, args), args)
