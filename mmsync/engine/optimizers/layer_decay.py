"""Learning rates that decay from the head to the input (Clark et al., ELECTRA, 2020; Bao et al., BEiT, 2022)."""

from __future__ import annotations

from typing import Optional, Union

from mmengine.optim import DefaultOptimWrapperConstructor
from torch import nn

from mmsync.errors import ConfigError
from mmsync.registry import OPTIM_WRAPPER_CONSTRUCTORS


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class LearningRateDecayOptimWrapperConstructor(DefaultOptimWrapperConstructor):
    """Scales the learning rate of layer l of L by ``layer_decay_rate ** (L - 1 - l)``; the head keeps the full rate.

    The backbone's ``get_layer_depth(name) -> (l, L)`` gives the layer of a parameter, as in MMPretrain: l is 0 for
    embeddings, and L the number of blocks plus two. The other keys of ``paramwise_cfg`` are those of MMEngine, for
    instance ``flat_decay_mult=0`` for no weight decay on biases and norms.

    A scheduler with a rate of its own (``OneCycleLR.eta_max``, ``eta_min`` above 0) sets the same rate for all layers;
    use ``LinearLR`` and ``CosineAnnealingLR(eta_min_ratio=...)``.

    Args:
        optim_wrapper_cfg: Config of the optimiser's wrapper.
        paramwise_cfg: Settings with ``layer_decay_rate`` in (0, 1].

    Raises:
        ConfigError: The rate is missing or out of range, or the backbone has no ``get_layer_depth``.
    """

    def __init__(self, optim_wrapper_cfg: dict, paramwise_cfg: Optional[dict] = None) -> None:
        super().__init__(optim_wrapper_cfg, paramwise_cfg)
        rate = self.paramwise_cfg.get("layer_decay_rate")
        if rate is None or not 0 < rate <= 1 or self.base_lr is None:
            raise ConfigError(
                f"optim_wrapper.paramwise_cfg.layer_decay_rate={rate}, optimizer.lr={self.base_lr}: layer decay "
                "needs a rate in (0, 1], usually 0.65 to 0.9, and a learning rate"
            )
        self.rate, self.lr = float(rate), float(self.base_lr)

    def add_params(
        self, params: list[dict], module: nn.Module, prefix: str = "", is_dcn_module: Optional[Union[int, float]] = None
    ) -> None:
        """Add MMEngine's groups to ``params``, scaled by layer; groups with equal settings are merged."""
        super().add_params(params, module, prefix, is_dcn_module)
        if prefix:  # MMEngine calls this again for every child
            return
        scales = self._scales(module)
        merged: dict[tuple, dict] = {}
        for group in params:
            (parameter,) = group.pop("params")
            group["lr"] = group.get("lr", self.lr) * scales[id(parameter)]
            same = merged.setdefault(tuple(sorted(group.items())), {"params": [], **group})
            same["params"].append(parameter)
        params[:] = list(merged.values())

    def _scales(self, model: nn.Module) -> dict[int, float]:
        """Factors of the learning rate by the id of the parameter."""
        scales = {id(p): 1.0 for p in model.parameters()}
        found = False
        for prefix, backbone in model.named_modules():
            if prefix.split(".")[-1] != "backbone":
                continue
            found = True
            if not hasattr(backbone, "get_layer_depth"):
                raise ConfigError(
                    f"layer decay: {type(backbone).__name__} has no get_layer_depth(name) -> (layer, layers); add it, "
                    "or drop optim_wrapper.constructor and paramwise_cfg.layer_decay_rate"
                )
            for name, parameter in backbone.named_parameters():
                layer, total = backbone.get_layer_depth(name)
                scales[id(parameter)] = self.rate ** (total - 1 - layer)
        if not found:
            raise ConfigError(f"layer decay: {type(model).__name__} has no module called `backbone`")
        return scales
