"""Conversion of other projects' checkpoints to mmsync and back, by family (docs/design/0014 and 0024)."""

from __future__ import annotations

import argparse
import copy
import re
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Optional, Union

import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch import Tensor, nn

from mmsync.config import check, load
from mmsync.config.defaults import LOADERS
from mmsync.config.inputs import input_record
from mmsync.config.places import RUNNER_KEYS
from mmsync.config.text import config_text
from mmsync.engine.checkpoint import StateMatch, match_state, read_checkpoint, require_checkpoint, write_checkpoint
from mmsync.errors import CheckpointError, ConfigError
from mmsync.fileio import SHIPPED, atomic_path, write_text
from mmsync.interop.family import BACKBONE, FAMILIES, HEAD, Family, Rules, State, get_family, has_all, own_weights
from mmsync.registry import MODELS


def _last_layers(names: Sequence[str]) -> tuple[str, str]:
    """Meaning of ``<fc>`` on either side: ST-GCN has ``fc``, transformers ``head``; a single layer has no number."""
    head = "fc." if any("st_gcn_networks." in name for name in names) else "head."
    several = any(re.search(r"(fc|head|layers)\.[1-9]\.(weight|bias)$", name) for name in names)
    return head, "" if several else "0."


def rename(state: Mapping[str, Any], rules: Rules, back: bool = False) -> tuple[dict[str, Any], dict[str, Any]]:
    """Rename by the first rule whose prefix matches, or ``back``; also return the entries that no rule renames."""
    head, single = _last_layers(list(state))
    pairs = [(theirs.replace("<fc>", head), ours and ours.replace("<fc>", single)) for theirs, ours in rules]
    if back:
        pairs = [(ours, theirs) for theirs, ours in pairs if ours is not None]
    renamed, rest = {}, {}
    for name, value in state.items():
        whole = ("", ".", "_")  # ends of prefixes; others are whole names
        fitting = (pair for pair in pairs if name == pair[0] or (name.startswith(pair[0]) and pair[0][-1:] in whole))
        old, new = next(fitting, (name, None))
        if new is None:
            rest[name] = value
        else:
            renamed[new + name[len(old) :]] = value
    return renamed, rest


def _groups(names: Sequence[str]) -> str:
    """Names grouped by their first words, with counts: ``decoder_blocks.* (36)``."""
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(re.sub(r"\.(\d+|[^.]*$).*", "", name), []).append(name)
    return ", ".join(part[0] if len(part) == 1 else f"{head}.* ({len(part)})" for head, part in groups.items())


class Conversion(NamedTuple):
    """The content of the file to write, and what to report of it."""

    checkpoint: dict[str, Any]
    title: str
    match: StateMatch  # of the weights and ``model``; on the way back, which has no model: what is written
    unused: list[str]  # names without a counterpart
    model: Optional[dict[str, Any]] = None
    pair: str = ""  # the config to pair with

    def report(self) -> str:
        """Table of matched and unused weights, and the model to pair with."""
        count = len(self.unused)
        unused = f"{count} without a counterpart on the other side: {_groups(self.unused)}" if count else ""
        return "\n".join(filter(None, [self.title, self.match.table(), unused, self.pair]))


def weights_of(content: Mapping[str, Any], source: str) -> tuple[State, Optional[str], bool]:
    """Weights of a file, the entry that held them, and whether their names had the prefix ``module.``."""
    state, container = content["state_dict"], "state_dict" if len(content) > 1 else None
    for entry in ("state_dict", "model_pos", "model", "model_state"):
        if isinstance(state, Mapping) and isinstance(state.get(entry), Mapping):
            state, container = state[entry], entry
    tensors = {str(k): v for k, v in state.items() if isinstance(v, Tensor)} if isinstance(state, Mapping) else {}
    if not tensors:
        raise CheckpointError(f"{source} holds no weights, only {', '.join(map(str, list(content['state_dict'])[:8]))}")
    module = all(name.startswith("module.") for name in tensors)
    return ({k[7:]: v for k, v in tensors.items()} if module else tensors), container, module


def _detect(kind: Family, names: list[str], source: str) -> tuple[str, str]:
    """Form of a reference file and the prefix of its names, or an error that suggests the right tool."""
    found = kind.detect(names)
    if found is not None:
        return found
    families = [other for other in map(get_family, FAMILIES) if other.detect(names)]
    others = [f"{other.title} (mmsync {other.name}_to_mmsync)" for other in families]
    others += ["mmsync (--reverse)"] if kind.own_form(names) else []
    raise CheckpointError(
        f"{source} is no checkpoint of {kind.title}: none of its forms fits its {len(names)} names, the first of "
        f"them {', '.join(names[:3])}" + (f"; it looks like one of {' or '.join(others)}" if others else "")
    )


def from_reference(
    content: Mapping[str, Any], family: str, source: str = "checkpoint", config: Optional[Config] = None,
    partial: bool = False, **options: Any,
) -> Conversion:  # fmt: skip
    """Convert a checkpoint of another project to mmsync.

    Missing batch counters (torch before 0.4) become 0, missing scales of batch norms (TensorFlow) 1. Weights without a
    counterpart are kept in ``reference_only``.

    Args:
        content: What the file holds.
        family: Name of the project's family of checkpoints.
        source: Name of the file, for messages.
        config: Replaces the model derived from the shapes, and is stored; of a pretraining's config a file with a
            classifier takes encoder and data.
        partial: Whether weights of the backbone may lack; else all must match.
        options: Of the family.

    Returns:
        Conversion: The checkpoint and the report.

    Raises:
        CheckpointError: The content is of another family, or does not match the model.
    """
    kind = get_family(family)
    theirs, container, module = weights_of(content, source)
    key, prefix = _detect(kind, list(theirs), source)
    form = kind.forms[key]
    state, rest = rename({k[len(prefix) :]: v for k, v in theirs.items() if k.startswith(prefix)}, form.rules)
    aside = {k: v for k, v in theirs.items() if not k.startswith(prefix)}
    aside.update({f"{prefix}{name}": value for name, value in rest.items()})
    origin = dict(family=family, form=key, file=source, container=container, module=module, prefix=prefix)
    origin.update(kind.adapt(state, aside, form), counted=any(k.endswith("num_batches_tracked") for k in state))
    if not origin["counted"]:
        norms = [name[: -len("running_var")] for name in state if name.endswith("running_var")]
        state.update({f"{name}num_batches_tracked": torch.tensor(0) for name in norms})
    backbone = kind.backbone(state, source, config, **options)
    model = kind.model(state, backbone, source)
    if config is not None:
        config = complete_config(model, config, own_encoder=True)
        model = config.model
    match = _fit(state, model, source, partial)
    if kind.momentum and not any(name.startswith(("key_encoder.", "head.", "decoder.")) for name in state):
        state.update({f"key_encoder.module.backbone.{name}": value for name, value in own_weights(state).items()})
    meta: dict[str, Any] = dict(origin=origin)
    if config is not None:
        meta.update(cfg=config_text(config), input=input_record(config))
    checkpoint = dict(state_dict=state, meta=meta, reference_only=aside)
    title = f"{source}: {kind.title}, {form.title}" + (f"\nmade for {form.note}" if form.note else "")
    pair = _pair(kind, model) if config is None else f"Pair it with {config.filename}"
    return Conversion(checkpoint, title, match, list(aside), model, pair)


def _pair(kind: Family, model: dict[str, Any]) -> str:
    """Name the shipped config to pair a converted file with, and show the model."""
    shipped = _shipped(kind, model)
    unknown = f" (shapes do not determine {kind.undetermined})" if kind.undetermined else ""
    first = f"{shipped} or a similar one, with this encoder" if shipped else "a config of this encoder"
    if model.get("type") == "Classifier":
        first = f"the config that --dump-config FILE writes, and evaluate it by mmsync test FILE{unknown}; or pretrain "
        first += f"with {shipped} or a similar one" if shipped else "with a config of this encoder"
        unknown = ""
    return f"Pair it with {first}{unknown}:\n{config_text(dict(model=model)).strip()}"


def _shipped(kind: Family, model: Mapping[str, Any]) -> Optional[str]:
    """The shipped config to pair a model with, by its type, or the backbone of its encoder, or of that of pictures."""
    backbone = (model.get("encoder") or model["video"])["backbone"]["type"]
    return kind.configs.get(model.get("type", ""), kind.configs.get(backbone))


def complete_config(model: Mapping[str, Any], base: Config, own_encoder: bool = False) -> Config:
    """Config of a converted model on the data of ``base``: all that a run needs.

    A classifier is evaluated: by accuracy, on the test clips, with the data preprocessor of ``base``. A method of
    ``base``'s kind goes on as ``base`` does. With ``own_encoder`` backbone and pooling are those of ``base``.
    """
    values = {key: copy.deepcopy(value) for key, value in base.to_dict().items() if key in RUNNER_KEYS}
    own = values.get("model") or {}
    if "encoder" not in model:  # two towers
        values["model"] = {**own, **({} if own_encoder else model)}
        return Config(values, filename=base.filename)
    encoder = dict(own.get("encoder") or {}) if own_encoder else {}
    if model.get("type") != "Classifier" or own.get("type") == "Classifier":
        encoder = encoder or {**(own.get("encoder") or {}), **model["encoder"]}
        values["model"] = {"type": "SkeletonCLR", **own, **({} if own_encoder else model), "encoder": encoder}
        return _on_layout(values, base)
    encoder.pop("projector", None)
    merged: dict[str, Any] = {**model, "encoder": encoder or model["encoder"]}
    preprocessor = own.get("data_preprocessor")
    if preprocessor:
        merged["data_preprocessor"] = {key: value for key, value in preprocessor.items() if key != "views"}
    loader = values.get("test_dataloader") or values.get("val_dataloader")
    kept = {key: value for key, value in values.items() if not re.match("(train|val|test|optim|param)_", key)}
    values = {**kept, "model": merged, "default_hooks": {}, "custom_hooks": []}
    if loader:
        roles = loader["dataset"].get("roles") or {}
        if "query" in roles:
            loader["dataset"]["roles"] = {"query": roles["query"]}
        values.update(test_dataloader=loader, test_cfg={}, test_evaluator=dict(type="Accuracy", topk=(1, 5)))
    return _on_layout(values, base)


def _on_layout(values: dict[str, Any], base: Config) -> Config:
    """The config, whose data sets remap their clips to the layout of the backbone."""
    backbone = values["model"]["encoder"].get("backbone", {})
    layout, preprocessor = backbone.get("layout"), values["model"].get("data_preprocessor") or {}
    if layout is not None and preprocessor.get("layout", layout) != layout:
        preprocessor["layout"] = layout
        for key in LOADERS:
            if isinstance(values.get(key), dict):
                values[key]["dataset"]["layout"] = layout
    return Config(values, filename=base.filename)


def inflate(weight: Tensor, frames: int) -> Tensor:
    """Repeat a 2D kernel over time: ``(O, I, kh, kw) -> (O, I, frames, kh, kw)`` (I3D, section 2.4)."""
    return (weight / frames).unsqueeze(2).repeat(1, 1, frames, 1, 1)


def _fit(state: State, model: Mapping[str, Any], source: str, partial: bool) -> StateMatch:
    """Match weights with a model on the meta device, inflating 2D kernels; without a queue, only the encoder."""
    with torch.device("meta"):
        network: nn.Module = MODELS.build(model if "type" in model else model["encoder"])
    if "type" not in model or ("queue.keys" not in state and hasattr(network, "key_encoder")):
        network = nn.ModuleDict({"encoder": network.get_submodule("encoder" if "type" in model else "")})
    for name, own in network.state_dict().items():
        if name in state and state[name].dim() == 4 and own.dim() == 5:
            state[name] = inflate(state[name], own.shape[2])
    adapt = getattr(network, "adapt_state_dict", None)
    match = match_state(network, state if adapt is None else adapt(state))
    if match.problem(partial):
        raise CheckpointError(
            f"{source}: {len(match.unfit)} of the backbone's weights do not fit ({match.backbone:.0%} do), and nothing "
            f"was written; --partial accepts that. {match.table()}"
        )
    return match


def _select(kind: Family, state: Mapping[str, Tensor], source: str) -> tuple[State, list[str]]:
    """Weights to convert back, under ``encoder.`` and ``head.``, and the names of the others."""
    if not kind.stem:
        return dict(state), []
    before = next((name[: -len(kind.stem)] for name in state if f".{name}".endswith(f".{kind.stem}")), None)
    if before is None:
        raise CheckpointError(f"{source} has no backbone of {kind.title}: no name ends with {kind.stem}")
    own = {BACKBONE + name[len(before) :]: value for name, value in state.items() if name.startswith(before)}
    own.update({name: state[name] for name in (f"{HEAD}weight", f"{HEAD}bias") if name in state})
    return own, [name for name in state if not name.startswith((before, HEAD))]


def to_reference(
    content: Mapping[str, Any], family: str, source: str = "checkpoint", form: Optional[str] = None, **options: Any
) -> Conversion:
    """Convert a checkpoint of mmsync to one of another project.

    Args:
        content: What the file holds.
        family: Name of the project's family of checkpoints.
        source: Name of the file, for messages.
        form: Name of the family's form; ``None``: the one that the file came in, or the usual one.
        options: Of the family.

    Returns:
        Conversion: The checkpoint and the report.

    Raises:
        CheckpointError: The weights are not those of such a model.
    """
    kind, origin = get_family(family), content.get("meta", {}).get("origin") or {}
    if origin.get("family") != family or form not in (None, origin.get("form")):
        origin = {}
    aside = (content.get("reference_only") or {}) if origin else {}
    state, unused = _select(kind, content["state_dict"], source)
    kept = kind.forms.get(form or origin.get("form") or kind.own_form(list(state)) or "")
    if kept is not None and kept.arrays == "images":
        raise CheckpointError(f"{source}: a 2D network has no time axis; give --form {', '.join(kind.writable)}")
    names = list(state)
    renamed: dict[str, Any] = {}
    if kept is not None:
        kind.restore(state, aside, kept, origin, source, **options)
        if not origin.get("counted", True):
            state = {name: value for name, value in state.items() if not name.endswith("num_batches_tracked")}
        renamed, lost = rename(state, kept.rules, back=True)
    if kept is None or not (kept.anchor or has_all([*renamed, *aside], kept.theirs)):
        raise CheckpointError(f"{source}: {kind.title} has no file for a checkpoint with {_groups(names)}")
    renamed = {origin.get("prefix", "") + name: value for name, value in renamed.items()}
    renamed.update(aside)
    if origin.get("module", kind.module):
        renamed = {f"module.{name}": value for name, value in renamed.items()}
    container = origin["container"] if origin else kept.container
    backbone = [name not in lost for name in state if re.match(r"(?!key_encoder)[\w.]+\.backbone\.", name)]
    match = StateMatch(list(renamed), [], [], [], sum(backbone) / max(len(backbone), 1))
    title = f"{source}: as {kind.title}, {kept.title}"
    return Conversion({container: renamed} if container else renamed, title, match, unused + list(lost))


def read_weights(path: Union[str, Path], trust: bool = False) -> dict[str, Any]:
    """Read a torch file, or arrays by name in an ``.npz``; ``trust`` lets the file run code while it loads."""
    path = Path(path).expanduser()
    if ".ckpt" in path.name and not zipfile.is_zipfile(path):  # Lightning has the same ending
        raise CheckpointError(
            f"{path} is a TensorFlow checkpoint; where TensorFlow is installed, write it as arrays and convert those:\n"
            "    python -c \"import numpy, tensorflow as tf; r = tf.train.load_checkpoint('model.ckpt'); "
            "numpy.savez('model.npz', **{n: r.get_tensor(n) for n in r.get_variable_to_shape_map()})\""
        )
    if path.suffix != ".npz":
        content = read_checkpoint(path, trust=trust)
        state = content["state_dict"]
        if isinstance(state, Mapping) and any(isinstance(value, np.ndarray) for value in state.values()):
            state = {k: torch.from_numpy(v) if isinstance(v, np.ndarray) else v for k, v in state.items()}
        return {**content, "state_dict": state}
    require_checkpoint(path)
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {"state_dict": {name: torch.from_numpy(np.array(archive[name])) for name in archive.files}}
    except Exception as error:  # zipfile and NumPy raise many kinds
        raise CheckpointError(f"{path} is damaged, or holds Python objects instead of arrays") from error


def convert_checkpoint(
    src: str | Path, dst: str | Path, family: str, reverse: bool = False, trust: bool = False, **options: Any
) -> Conversion:
    """Convert a file, with the options of :func:`from_reference`, or of :func:`to_reference` for ``reverse``."""
    content, name = read_weights(src, trust), Path(src).name
    result = (to_reference if reverse else from_reference)(content, family, name, **options)
    if Path(dst).suffix != ".npz":
        write_checkpoint(result.checkpoint, dst)
        return result
    if not reverse:
        raise CheckpointError(f"{dst}: mmsync's checkpoints are torch files; name it .pth")
    state = weights_of({"state_dict": result.checkpoint}, name)[0]
    with atomic_path(dst) as temporary, temporary.open("wb") as file:
        np.savez(file, **{key: value.numpy() for key, value in state.items()})  # type: ignore[arg-type]
    return result


def run(kind: Family, args: argparse.Namespace) -> None:
    init_default_scope("mmsync")
    options = {name: getattr(args, name) for name in (kind.reverse_options if args.reverse else kind.options)}
    if args.reverse:
        options["form"] = getattr(args, "form", None)
    else:
        options["config"] = load(args.config, args.cfg_options) if args.config else None
        options["partial"] = args.partial
    result = convert_checkpoint(args.src, args.dst, kind.name, args.reverse, args.trust_checkpoint, **options)
    print(result.report())
    print(f"wrote {args.dst}")
    if args.dump_config and result.model is not None:
        _dump(kind, result.model, options["config"], args)


def _dump(kind: Family, model: Mapping[str, Any], config: Optional[Config], args: argparse.Namespace) -> None:
    """Write a config of a converted model, complete if there is one with data that it can be paired with."""
    shipped = _shipped(kind, model)
    file = args.config or (shipped and SHIPPED / shipped)
    cfg = Config(dict(default_scope="mmsync", model=model))
    if file:
        cfg = complete_config(model, load(file, args.cfg_options) if config is None else config)
        try:
            check(cfg)
        except ConfigError as error:
            raise ConfigError(f"--dump-config, with the data of {file}: {error}; --config gives others") from error
    write_text(args.dump_config, config_text(cfg))
    data = f"with the data of {file}" if file else "of the model alone: --config FILE, a config of its data, adds them"
    print(f"wrote {args.dump_config}, {data}")
    if file and model.get("type") == "Classifier":
        print(f"evaluate it: mmsync test {args.dump_config} {args.dst}")
