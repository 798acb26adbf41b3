"""Probes that train a classifier on frozen features: linear and MLP."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any, Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmsync.errors import ProtocolError
from mmsync.evaluation.functional import topk_accuracy
from mmsync.evaluation.probes.base import (
    Probe,
    ProbeResult,
    require_choice,
    require_range,
    require_scaling,
    require_whole,
    scaled,
    scores_of,
)
from mmsync.ops.scaling import Scaling, Standardize
from mmsync.registry import PROBES
from mmsync.structures import FeatureTable


class LinearClassifier(NamedTuple):
    """A trained linear probe."""

    weight: Tensor  # (num_classes, D), of features minus their mean; it holds their scaling
    bias: Tensor  # (num_classes,)
    mean: Tensor  # (D,) subtracted from the features
    accuracy: list[float]  # of the queries, in [0, 1], after each epoch
    loss: list[float]  # mean training loss of each epoch

    def __call__(self, features: Tensor) -> Tensor:
        """Logits ``(N, num_classes)`` of features ``(N, D)``."""
        return F.linear(features - self.mean, self.weight, self.bias)


class _BatchNorm:
    """Batch normalization without weights of features ``(n, D + 1)`` whose last column is the one of the bias."""

    def __init__(self, example: Tensor) -> None:
        self.mean, self.var = torch.zeros_like(example), torch.ones_like(example)

    def train(self, x: Tensor) -> None:
        var, center = torch.var_mean(x[:, :-1], dim=0, unbiased=False)
        self.mean.lerp_(center, 0.1)
        self.var.lerp_(var * (len(x) / max(len(x) - 1, 1)), 0.1)
        x[:, :-1] = (x[:, :-1] - center) * (var + 1e-6).rsqrt()

    def eval(self, x: Tensor) -> Tensor:
        return F.pad((x[:, :-1] - self.mean) * (self.var + 1e-6).rsqrt(), (0, 1), value=1.0)


@PROBES.register_module()
class LinearProbe(Probe):
    """A softmax classifier trained by SGD on features ``(N, D)`` that were extracted once.

    Gives ``last``, the accuracy after the last epoch, which is the number to report, and ``best`` and ``best_epoch``,
    chosen on the queries. The defaults are the published protocol of AimCLR (Guo et al., AAAI 2022). MAMP's (Mao et
    al., ICCV 2023) is ``lr=0.1, schedule='cosine', batch_norm=True``, there with augmented clips. The gradient is
    written out, so an epoch costs two matrix products per batch and no graph. Weights start at zero.

    Args:
        epochs: Passes over the bank, at least 1.
        lr: Learning rate of the first epoch.
        batch_size: Samples per step, with ``batch_norm`` at least 2; a last batch of one sample is left out then.
        momentum: Of SGD, without Nesterov.
        weight_decay: L2 on weight and bias, as in ``torch.optim.SGD``.
        milestones: The rate is multiplied by ``gamma`` after each of these epochs.
        gamma: Factor of the rate.
        schedule: ``'step'`` follows the milestones; ``'cosine'`` falls to zero by half a cosine, step by step.
        standardize: ``True`` or ``'whiten'``: scale features by the bank first, see
            :class:`~mmsync.ops.scaling.Scaling`. Rates around 0.1 suit then.
        batch_norm: Batch normalization without weights in front of the classifier (momentum 0.1, eps 1e-6).
        seed: Of the order of the samples.
        column: Name of the column of features.

    Raises:
        ConfigError: An argument is out of its range.
    """

    name = "linear"
    headline = "last"
    gives = ("last", "best", "best_epoch")
    softmax = True

    def __init__(
        self, epochs: int = 100, lr: float = 3.0, batch_size: int = 128, momentum: float = 0.9,
        weight_decay: float = 0.0, milestones: Sequence[int] = (80,), gamma: float = 0.1,
        schedule: Literal["step", "cosine"] = "step", standardize: Standardize = False, batch_norm: bool = False,
        seed: int = 0, column: str = "feature",
    ) -> None:  # fmt: skip
        super().__init__(column)
        require_whole(self, epochs=epochs)
        require_whole(self, 2 if batch_norm else 1, batch_size=batch_size)  # one sample has no batch statistics
        require_range(self, lr=(lr, lr > 0, "above 0"), momentum=(momentum, 0 <= momentum < 1, "in [0, 1)"))
        require_range(
            self, weight_decay=(weight_decay, weight_decay >= 0, "from 0 on"), gamma=(gamma, gamma > 0, "above 0")
        )
        require_choice(self, ("step", "cosine"), schedule=schedule)
        self.epochs, self.lr, self.batch_size, self.momentum = epochs, lr, batch_size, momentum
        self.weight_decay, self.milestones, self.gamma, self.schedule = weight_decay, milestones, gamma, schedule
        require_scaling(self, standardize)
        self.standardize, self.batch_norm, self.seed = standardize, batch_norm, seed

    def run(self, bank: FeatureTable, query: FeatureTable, device: str = "cpu") -> ProbeResult:
        x, y, features, labels, classes = self.arrays(bank, query, device)
        probe = self.fit(x, y, features, labels, classes)
        top1 = [100 * value for value in probe.accuracy]
        metrics = {"last": top1[-1], "best": max(top1), "best_epoch": top1.index(max(top1)) + 1}
        kind = scaled(self.standardize)
        note = f"linear on frozen {kind} features, last of {self.epochs} epochs (best is chosen on the queries)"
        return ProbeResult(metrics, scores_of(query, probe(features)), {"loss": probe.loss, "top1": top1}, note)

    @torch.no_grad()
    def fit(
        self, bank: Tensor, bank_labels: Tensor, query: Tensor, query_labels: Tensor, num_classes: int
    ) -> LinearClassifier:
        """Train the classifier on a bank ``(B, D)`` and judge each epoch on queries ``(Q, D)``."""
        generator = torch.Generator().manual_seed(self.seed)
        scaling = Scaling.of(bank, self.standardize)
        if self.standardize:
            bank, query = scaling(bank), scaling(query)
        norm = _BatchNorm(scaling.mean) if self.batch_norm else None
        # the bias is a last column of ones: one product per direction
        bank, query = F.pad(bank, (0, 1), value=1.0), F.pad(query, (0, 1), value=1.0)
        target = F.one_hot(bank_labels, num_classes).to(bank.dtype)
        weight = bank.new_zeros(num_classes, bank.shape[1])
        velocity = torch.zeros_like(weight)
        accuracy, loss = [], []
        steps = math.ceil(len(bank) / self.batch_size)
        for epoch in range(self.epochs):
            order = torch.randperm(len(bank), generator=generator).to(bank.device)
            likelihood = []
            for step, batch in enumerate(order.split(self.batch_size)):
                if norm is not None and len(batch) == 1 and steps > 1:
                    continue
                x, wanted = bank[batch], target[batch]
                if norm is not None:
                    norm.train(x)
                probability = (x @ weight.T).softmax(dim=1)
                gradient = torch.addmm(weight, (probability - wanted).T, x, beta=self.weight_decay, alpha=1 / len(x))
                velocity.mul_(self.momentum).add_(gradient)
                weight.sub_(velocity, alpha=self._rate(epoch, step / steps))
                likelihood.append(probability.gather(1, bank_labels[batch, None]).flatten())
            loss.append(-torch.cat(likelihood).clamp_min(1e-30).log().mean().item())
            logits = (query if norm is None else norm.eval(query)) @ weight.T
            accuracy.append(topk_accuracy(logits, query_labels))
        weight, bias = weight[:, :-1].clone(), weight[:, -1].clone()
        if norm is not None:  # two scalings are one classifier
            weight = weight * (norm.var + 1e-6).rsqrt()
            bias = bias - weight @ norm.mean
        return LinearClassifier(scaling.linear(weight), bias, scaling.mean, accuracy, loss)

    def _rate(self, epoch: int, done: float) -> float:
        if self.schedule == "cosine":
            return self.lr * 0.5 * (1 + math.cos(math.pi * (epoch + done) / self.epochs))
        return self.lr * self.gamma ** sum(epoch >= milestone for milestone in self.milestones)


class MLPClassifier(NamedTuple):
    """A trained MLP probe."""

    net: nn.Sequential  # features (N, F) to logits (N, num_classes)
    accuracy: list[float]  # of the queries, in [0, 1], after each epoch
    loss: list[float]  # mean training loss of each epoch

    @torch.no_grad()
    def logits(self, features: Tensor, chunk_size: int = 4096) -> Tensor:
        """Logits ``(N, num_classes)`` of features ``(N, F)`` in eval mode, ``chunk_size`` at a time."""
        self.net.eval()
        return torch.cat([self.net(part.float()) for part in features.split(chunk_size)])


@PROBES.register_module()
class MLPProbe(Probe):
    """Dropout, Linear, batch normalization, ReLU, Linear, trained on features ``(N, F)`` that were extracted once.

    MotionBERT's action head; no linear probe, so report its number as of an MLP probe. Gives ``last`` and ``best``. The
    defaults are ours; those of MBAimCLR's report are ``optimizer='sgd', lr=1e-3, milestone=80, epochs=100,
    batch_size=8, weight_decay=0, eval_mode=True``.

    Args:
        hidden: Width of the hidden layer.
        dropout: Of the features, in [0, 1).
        epochs: Passes over the bank, at least 1.
        batch_size: Samples per step, without ``eval_mode`` at least 2; a last batch of one sample is left out then.
        optimizer: ``'adamw'``, or ``'sgd'`` with momentum 0.9.
        lr: Learning rate of the first step.
        weight_decay: Of all parameters.
        milestone: The rate falls to a tenth after this epoch; 0 lets it fall to zero by a half cosine.
        eval_mode: Train with dropout off and batch normalization at mean 0 and variance 1, as MBAimCLR's code does.
        seed: Of the initialization, the dropout and the order of the samples.
        column: Name of the column of features; ``'joints'`` has those of each joint, ``(N, V' * D)``.

    Raises:
        ConfigError: An argument is out of its range.
    """

    name = "mlp"
    headline = "last"
    gives = ("last", "best")
    softmax = True
    note = "MLP probe (no linear one) on the features of the single joints"

    def __init__(
        self, hidden: int = 2048, dropout: float = 0.5, epochs: int = 50, batch_size: int = 128,
        optimizer: Literal["adamw", "sgd"] = "adamw", lr: float = 1e-3, weight_decay: float = 1e-2, milestone: int = 0,
        eval_mode: bool = False, seed: int = 0, column: str = "joints",
    ) -> None:  # fmt: skip
        super().__init__(column)
        require_whole(self, hidden=hidden, epochs=epochs)
        require_whole(self, 1 if eval_mode else 2, batch_size=batch_size)  # one sample has no batch statistics
        require_whole(self, 0, milestone=milestone)
        require_choice(self, ("adamw", "sgd"), optimizer=optimizer)
        require_range(self, weight_decay=(weight_decay, weight_decay >= 0, "from 0 on"))
        require_range(self, lr=(lr, lr > 0, "above 0"), dropout=(dropout, 0 <= dropout < 1, "in [0, 1)"))
        self.hidden, self.dropout, self.epochs, self.batch_size = hidden, dropout, epochs, batch_size
        self.optimizer, self.lr, self.weight_decay, self.milestone = optimizer, lr, weight_decay, milestone
        self.eval_mode, self.seed = eval_mode, seed

    def missing(self, column: str) -> str:
        if column != "joints":
            return super().missing(column)
        advice = "mmsync benchmark, or with the features of mmsync.apis.extract_features(..., joints=True)"
        return f"the MLP probe needs the features of each joint, and predict() gives pooled ones; run it by {advice}"

    def run(self, bank: FeatureTable, query: FeatureTable, device: str = "cpu") -> ProbeResult:
        x, y, features, labels, classes = self.arrays(bank, query, device)
        probe = self.fit(x, y, features, labels, classes)
        top1 = [100 * value for value in probe.accuracy]
        metrics = {"last": top1[-1], "best": max(top1)}
        return ProbeResult(
            metrics, scores_of(query, probe.logits(features)), {"loss": probe.loss, "top1": top1}, self.note
        )

    def network(self, channels: int, num_classes: int) -> nn.Sequential:
        """The classifier before training, ``(N, channels)`` to logits ``(N, num_classes)``."""
        first, last = nn.Linear(channels, self.hidden), nn.Linear(self.hidden, num_classes)
        return nn.Sequential(nn.Dropout(self.dropout), first, nn.BatchNorm1d(self.hidden), nn.ReLU(inplace=True), last)

    def fit(
        self, bank: Tensor, bank_labels: Tensor, query: Tensor, query_labels: Tensor, num_classes: int
    ) -> MLPClassifier:
        """Train the classifier on a bank ``(B, D)`` and judge each epoch on queries ``(Q, D)``."""
        if len(bank) == 1 and not self.eval_mode:
            raise ProtocolError(
                f"{type(self).__name__}: the bank has one sample, of which there are no statistics; take more"
            )
        device = bank.device
        with torch.random.fork_rng(devices=[torch.cuda.current_device()] if device.type == "cuda" else []):
            torch.manual_seed(self.seed)
            net = self.network(bank.shape[1], num_classes).to(device)
            kind: Any = partial(torch.optim.SGD, momentum=0.9) if self.optimizer == "sgd" else torch.optim.AdamW
            optim = kind(net.parameters(), self.lr, weight_decay=self.weight_decay)
            scheduler: torch.optim.lr_scheduler.LRScheduler
            if self.milestone:
                scheduler = torch.optim.lr_scheduler.MultiStepLR(optim, [self.milestone])
            else:
                scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optim, self.epochs)
            probe = MLPClassifier(net, [], [])
            for _ in range(self.epochs):
                net.train(not self.eval_mode)
                losses = []
                for batch in torch.randperm(len(bank)).to(device).split(self.batch_size):
                    if len(batch) == 1 and not self.eval_mode:  # it has no batch statistics
                        continue
                    loss = F.cross_entropy(net(bank[batch].float()), bank_labels[batch])
                    optim.zero_grad()
                    loss.backward()
                    optim.step()
                    losses.append(loss.detach() * len(batch))
                scheduler.step()
                probe.loss.append((torch.stack(losses).sum() / len(bank)).item())
                probe.accuracy.append(topk_accuracy(probe.logits(query), query_labels))
        return probe
