"""Initialization of a backbone from a checkpoint."""

from __future__ import annotations

from typing import Any

from mmengine.logging import print_log
from mmengine.model import PretrainedInit, update_init_info
from torch import nn

from mmsync.engine.checkpoint import load_weights, read_checkpoint
from mmsync.errors import CheckpointError
from mmsync.registry import WEIGHT_INITIALIZERS


@WEIGHT_INITIALIZERS.register_module("Pretrained")
class Pretrained(PretrainedInit):
    """Initialization from a checkpoint, ``init_cfg=dict(type='Pretrained', checkpoint=..., prefix=...)``.

    MMEngine's, with the rules of ``load_from``: all weights of the module must match. What the checkpoint says of its
    folds and its input goes with the module.

    Args:
        checkpoint: File or URL.
        prefix: Beginning of the names of the module's weights in the file, such as ``'encoder.backbone.'``.
        map_location: Where the weights are read to.

    Raises:
        CheckpointError: The file cannot be read, or its weights are not the module's.
    """

    def __call__(self, module: nn.Module) -> None:
        """Load the weights into a module."""
        content = read_checkpoint(self.checkpoint, self.map_location)
        state, prefix = content["state_dict"], (self.prefix or "").rstrip(".")
        own = (
            {key[len(prefix) + 1 :]: v for key, v in state.items() if key.startswith(f"{prefix}.")} if prefix else state
        )
        if not set(own) & set(module.state_dict()):
            raise CheckpointError(f"init_cfg: {self.checkpoint} {self._advice(module, list(state))}")
        match = load_weights(module, dict(own), str(self.checkpoint), revise_keys=())
        if [key for key in match.missing if not key.endswith("num_batches_tracked")] or match.reshaped:
            raise CheckpointError(f"init_cfg: {self.checkpoint}: {match.brief()}; all weights of the module must match")
        print_log(f"{type(module).__name__} begins with {self.checkpoint}: {match.brief()}", logger="current")
        module._pretrained = (str(self.checkpoint), content.get("meta") or {})  # type: ignore[assignment]
        if hasattr(module, "_params_init_info"):
            update_init_info(module, self._get_init_info())

    def _advice(self, module: nn.Module, names: list[str]) -> str:
        """Which prefix the names of a file have, if one has."""
        first = next(iter(module.state_dict()), "")
        found = [name[: -len(first)] for name in names if name.endswith(f".{first}")]
        text = f"has no weights {self.prefix or ''}{first}; the first of its names are {', '.join(names[:3])}"
        return f"{text}. Set prefix={' or '.join(map(repr, found))}" if found else text


def pretrained_files(model: nn.Module) -> dict[str, dict[str, Any]]:
    """The ``meta`` of the checkpoints that modules of a model began with, by file."""
    return dict(vars(module)["_pretrained"] for module in model.modules() if "_pretrained" in vars(module))
