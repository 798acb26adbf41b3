"""An optimizer, mixed precision, and learning rates by layer."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Literal, Optional, Union

import torch
from mmengine.optim import DefaultOptimWrapperConstructor, OptimWrapper
from torch import Tensor, nn
from torch.optim import Optimizer

from mmsync import compat
from mmsync.errors import ConfigError, did_you_mean, nearest
from mmsync.registry import OPTIM_WRAPPER_CONSTRUCTORS, OPTIM_WRAPPERS, OPTIMIZERS, OptConfig


@OPTIMIZERS.register_module()
class LARS(Optimizer):
    """SGD with momentum whose step is scaled by the norm of each weight (You et al., 2017).

    Tensors of two or more axes have ``g <- r (g + wd w)``; biases and norms, of one axis, use plain SGD without weight
    decay. Then ``v <- m v + g`` and ``w <- w - lr v``. The ratio r depends on the variant:

    * ``'paper'``: ``trust |w| / (|g| + wd |w| + eps)`` (You et al., 2017, eq. 6).
    * ``'mocov3'``: ``trust |w| / |g + wd w|``, as in the code of MoCo v3 (Chen et al., 2021) and of Barlow Twins.

    Where the weight or the denominator is 0, r is 1: a matrix that starts at 0 would stay there.

    Args:
        params: Parameters or groups.
        lr: Learning rate, above 0.
        momentum: m, in [0, 1).
        weight_decay: wd, at least 0.
        trust_coefficient: trust, above 0.
        eps: Added to the denominator of the variant ``'paper'``.
        nesterov: Use Nesterov momentum: ``w <- w - lr (g + m v)``.
        variant: ``'paper'`` or ``'mocov3'``.

    Raises:
        ConfigError: A number is out of its range, or the variant is unknown.
    """

    def __init__(
        self, params: Iterable, lr: float = 0.3, momentum: float = 0.9, weight_decay: float = 1e-6,
        trust_coefficient: float = 1e-3, eps: float = 1e-8, nesterov: bool = False,
        variant: Literal["paper", "mocov3"] = "paper",
    ) -> None:  # fmt: skip
        if not (lr > 0 and 0 <= momentum < 1 and weight_decay >= 0 and trust_coefficient > 0):
            above = f"lr={lr} and trust_coefficient={trust_coefficient} must be above 0"
            raise ConfigError(f"LARS: {above}, momentum={momentum} in [0, 1), weight_decay={weight_decay} at least 0")
        if variant not in ("paper", "mocov3"):
            raise ConfigError(f"LARS: variant={variant!r}; use 'paper' or 'mocov3'")
        options = dict(momentum=momentum, weight_decay=weight_decay, trust_coefficient=trust_coefficient)
        super().__init__(params, dict(lr=lr, **options, eps=eps, nesterov=nesterov, variant=variant))

    @torch.no_grad()
    def step(self, closure: Optional[Callable] = None) -> Any:
        """Perform a step, for all tensors of a group together."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            params = [p for p in group["params"] if p.grad is not None]
            if not params:
                continue
            grads = self._scaled([p for p in params if p.dim() > 1], group)
            grads = [grads.pop(0) if p.dim() > 1 else p.grad for p in params]
            for p in params:
                if "momentum_buffer" not in self.state[p]:
                    self.state[p]["momentum_buffer"] = torch.zeros_like(p)
            velocity = [self.state[p]["momentum_buffer"] for p in params]
            torch._foreach_mul_(velocity, group["momentum"])
            torch._foreach_add_(velocity, grads)
            step = torch._foreach_add(grads, velocity, alpha=group["momentum"]) if group["nesterov"] else velocity
            torch._foreach_add_(params, step, alpha=-group["lr"])
        return loss

    @staticmethod
    def _scaled(params: list[Tensor], group: dict[str, Any]) -> list[Tensor]:
        if not params:
            return []
        decay = group["weight_decay"]
        grads = [p.grad for p in params if p.grad is not None]
        decayed = torch._foreach_add(grads, params, alpha=decay)
        of_sum = group.get("variant") == "mocov3"  # older checkpoints have no variant
        sizes = torch._foreach_norm(params)
        slopes = list(torch._foreach_norm(decayed if of_sum else grads))
        if not of_sum:
            slopes = [slope + decay * size + group["eps"] for size, slope in zip(sizes, slopes)]
        pairs = zip(sizes, slopes)
        trust = group["trust_coefficient"]
        ratios = [torch.where((size > 0) & (slope > 0), trust * size / slope, 1.0) for size, slope in pairs]
        return list(torch._foreach_mul(decayed, ratios))


@OPTIM_WRAPPERS.register_module()
class AutocastOptimWrapper(OptimWrapper):
    """Runs forward pass and loss in bfloat16; for float16 on older GPUs use MMEngine's ``AmpOptimWrapper``.

    Args:
        optimizer: The optimizer.
        dtype: Of the forward pass; ``'bfloat16'`` alone is supported.
        accumulative_counts: Batches per optimizer step.
        clip_grad: Arguments of ``torch.nn.utils.clip_grad_norm_``, with ``type='value'`` of ``clip_grad_value_``.
    """

    def __init__(
        self, optimizer: Optimizer, dtype: str = "bfloat16", accumulative_counts: int = 1, clip_grad: OptConfig = None
    ) -> None:
        super().__init__(optimizer, accumulative_counts, clip_grad)
        if dtype != "bfloat16":
            raise ConfigError(f"optim_wrapper.dtype: {dtype!r} needs loss scaling; use 'bfloat16' or AmpOptimWrapper")
        self.dtype = torch.bfloat16

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Context of the forward pass."""
        with super().optim_context(model), compat.autocast(model, self.dtype):
            yield


def complete_paramwise(model: nn.Module, cfg: dict[str, Any]) -> dict[str, Any]:
    """A wrapper's config in which every factor of ``paramwise_cfg`` takes effect, also of the optimizer's defaults.

    Raises:
        ConfigError: A key of ``custom_keys`` is in no parameter's name.
    """
    names = [name for name, _ in model.named_parameters()]
    for key in cfg["paramwise_cfg"].get("custom_keys") or ():
        if not any(key in f".{name}" for name in names):
            parts = {".".join(name.split(".")[i:j]) for name in names for j in range(10) for i in range(j)} - {""}
            hint = did_you_mean(nearest(key, sorted(parts)))
            hint = hint or f"; names begin with {', '.join(dict.fromkeys(name.split('.')[0] for name in names))}"
            raise ConfigError(f"optim_wrapper.paramwise_cfg.custom_keys[{key!r}]: is in no parameter's name{hint}")
    optimizer = dict(cfg["optimizer"])
    kind = OPTIMIZERS.get(optimizer["type"]) if isinstance(optimizer["type"], str) else optimizer["type"]
    defaults = inspect.signature(kind).parameters  # MMEngine leaves factors of what is not in the config out
    for key in {"lr", "weight_decay"} & set(defaults) - set(optimizer):
        if isinstance(defaults[key].default, (int, float)):
            optimizer[key] = defaults[key].default
    return {**cfg, "optimizer": optimizer}


def describe(wrapper: OptimWrapper, model: nn.Module) -> str:
    """One line of the optimizer, its peak rates, what it trains, and the precision of the forward passes."""
    rates = sorted({group["lr"] for group in settings(wrapper.optimizer)})
    lr = f"{rates[0]:g}" if len(rates) == 1 else f"{rates[0]:g} to {rates[-1]:g} by parameter"
    precision = "float32"
    if isinstance(wrapper, AutocastOptimWrapper):
        precision = "bfloat16 (autocast)"
        if compat.has_cpu_conv3d(model):
            precision = "float32 (3-D convolutions on the CPU do not run in bfloat16)"
    elif hasattr(wrapper, "cast_dtype"):  # MMEngine's
        precision = f"{str(wrapper.cast_dtype or torch.float16).removeprefix('torch.')} (autocast)"
    size = sum(p.numel() for group in wrapper.optimizer.param_groups for p in group["params"] if p.requires_grad)
    return f"{type(wrapper.optimizer).__name__}, lr {lr}, {size:,} parameters, forward passes in {precision}"


def settings(optimizer: Optimizer) -> list[dict[str, Any]]:
    """Peak rate and other settings of each group, without what schedules change."""
    groups = []
    for group in optimizer.param_groups:
        fixed = {k: group.get(f"initial_{k}", v) for k, v in group.items() if k != "params" and "_lr" not in k}
        fixed["lr"] = group.get("max_lr", fixed["lr"])  # of OneCycleLR, whose initial_lr is the first one
        groups.append({k: v for k, v in fixed.items() if not k.startswith("initial_")})
    return groups


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class LearningRateDecayOptimWrapperConstructor(DefaultOptimWrapperConstructor):
    """Scales the rate of layer l of L by ``layer_decay_rate ** (L - 1 - l)`` (Clark et al., 2020; Bao et al., 2022).

    The backbone's ``get_layer_depth(name) -> (l, L)`` gives the layer of a parameter, as in MMPretrain. The config
    check refuses schedulers with a rate of their own (``eta_max``, ``eta_min`` above 0), which they set for all layers.

    Args:
        optim_wrapper_cfg: Config of the optimizer's wrapper.
        paramwise_cfg: ``layer_decay_rate`` in (0, 1], and MMEngine's keys, such as ``flat_decay_mult``.

    Raises:
        ConfigError: The rate is missing or out of range, or the backbone has no ``get_layer_depth``.
    """

    def __init__(self, optim_wrapper_cfg: dict, paramwise_cfg: Optional[dict] = None) -> None:
        super().__init__(optim_wrapper_cfg, paramwise_cfg)
        rate = self.paramwise_cfg.get("layer_decay_rate")
        if rate is None or not 0 < rate <= 1 or self.base_lr is None:
            text = f"layer_decay_rate={rate}, optimizer.lr={self.base_lr}"
            raise ConfigError(f"optim_wrapper.paramwise_cfg.{text}: layer decay needs a rate in (0, 1], and an lr")
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
        scales = {id(p): 1.0 for p in model.parameters()}
        backbones = [module for name, module in model.named_modules() if name.split(".")[-1] == "backbone"]
        if not backbones:
            raise ConfigError(f"layer decay: {type(model).__name__} has no module called `backbone`")
        for backbone in backbones:
            if not hasattr(backbone, "get_layer_depth"):
                text = "has no get_layer_depth(name) -> (layer, layers); add it, or drop optim_wrapper.constructor"
                raise ConfigError(f"layer decay: {type(backbone).__name__} {text}")
            for name, parameter in backbone.named_parameters():
                layer, total = backbone.get_layer_depth(name)
                scales[id(parameter)] = self.rate ** (total - 1 - layer)
        return scales
