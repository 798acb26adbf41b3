"""The linear probe: a softmax classifier on frozen features."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from mmsync.evaluation.functional import mean_and_std, topk_accuracy
from mmsync.evaluation.probes.base import Probe, ProbeResult, require_range, require_whole, scores_of
from mmsync.registry import PROBES
from mmsync.structures import FeatureTable


@dataclass
class LinearClassifier:
    """A trained linear probe.

    Attributes:
        weight: ``(num_classes, D)``, on features that are standardised by ``mean`` and ``std``.
        bias: ``(num_classes,)``.
        mean: ``(D,)`` subtracted from the features.
        std: ``(D,)`` that the features are divided by.
        accuracy: Query accuracy in ``[0, 1]`` after each epoch.
        loss: Mean training loss of each epoch.
    """

    weight: Tensor
    bias: Tensor
    mean: Tensor
    std: Tensor
    accuracy: list[float]
    loss: list[float]

    def __call__(self, features: Tensor) -> Tensor:
        """Logits ``(N, num_classes)`` of features ``(N, D)``."""
        return F.linear((features - self.mean) / self.std, self.weight, self.bias)


class _BatchNorm:
    """Batch normalisation without weights of features ``(n, D + 1)`` whose last column is the one of the bias."""

    def __init__(self, example: Tensor) -> None:
        self.mean, self.var = torch.zeros_like(example), torch.ones_like(example)

    def train(self, x: Tensor) -> None:
        """Normalise a batch in place by its own statistics."""
        var, center = torch.var_mean(x[:, :-1], dim=0, unbiased=False)
        self.mean.lerp_(center, 0.1)
        self.var.lerp_(var * (len(x) / max(len(x) - 1, 1)), 0.1)
        x[:, :-1] = (x[:, :-1] - center) * (var + 1e-6).rsqrt()

    def eval(self, x: Tensor) -> Tensor:
        """Normalise by the running statistics."""
        return F.pad((x[:, :-1] - self.mean) * (self.var + 1e-6).rsqrt(), (0, 1), value=1.0)


@PROBES.register_module()
class LinearProbe(Probe):
    """A softmax classifier trained by SGD on features ``(N, D)`` that were extracted once.

    Gives ``last``, the accuracy after the last epoch, which is the number to report, and ``best`` and ``best_epoch``,
    chosen on the queries. The defaults are the published protocol of AimCLR (Guo et al., AAAI 2022). MAMP's (Mao et
    al., ICCV 2023) is ``lr=0.1, schedule='cosine', batch_norm=True``, there with augmented clips. The gradient is
    written out, so an epoch costs two matrix products per batch and no graph.

    Args:
        epochs: Passes over the bank, at least 1.
        lr: Learning rate of the first epoch.
        batch_size: Samples per step.
        momentum: Of SGD, without Nesterov.
        weight_decay: L2 on weight and bias, as in ``torch.optim.SGD``.
        milestones: The rate is multiplied by ``gamma`` after each of these epochs.
        gamma: Factor of the rate.
        schedule: ``'step'`` follows the milestones; ``'cosine'`` falls to zero by half a cosine, step by step.
        standardize: Bring each feature to zero mean and unit variance over the bank first. Rates around 0.1 suit then.
        batch_norm: Batch normalisation without weights in front of the classifier (momentum 0.1, eps 1e-6).
        seed: Of the order of the samples.
        column: Name of the column of features.

    Raises:
        ConfigError: An argument is out of its range.
    """

    name = "linear"
    headline = "last"
    softmax = True

    def __init__(
        self,
        epochs: int = 100,
        lr: float = 3.0,
        batch_size: int = 128,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        milestones: Sequence[int] = (80,),
        gamma: float = 0.1,
        schedule: Literal["step", "cosine"] = "step",
        standardize: bool = False,
        batch_norm: bool = False,
        seed: int = 0,
        column: str = "feature",
    ) -> None:
        super().__init__(column)
        require_whole(self, epochs=epochs, batch_size=batch_size)
        require_range(self, lr=(lr, lr > 0, "above 0"), momentum=(momentum, 0 <= momentum < 1, "in [0, 1)"))
        self.epochs, self.lr, self.batch_size, self.momentum = epochs, lr, batch_size, momentum
        self.weight_decay, self.milestones, self.gamma, self.schedule = weight_decay, milestones, gamma, schedule
        self.standardize, self.batch_norm, self.seed = standardize, batch_norm, seed

    def run(self, bank: FeatureTable, query: FeatureTable, device: str = "cpu") -> ProbeResult:
        """Train on the bank and classify the queries."""
        arrays = self.arrays(bank, query, device)
        probe = self.fit(*arrays)
        top1 = [100 * value for value in probe.accuracy]
        return ProbeResult(
            {"last": top1[-1], "best": max(top1), "best_epoch": top1.index(max(top1)) + 1},
            scores_of(query, probe(arrays.query)),
            {"loss": probe.loss, "top1": top1},
            f"linear on frozen {'standardised' if self.standardize else 'raw'} features, last of "
            f"{self.epochs} epochs (best is chosen on the queries)",
        )

    @torch.no_grad()
    def fit(
        self, bank: Tensor, bank_labels: Tensor, query: Tensor, query_labels: Tensor, num_classes: int
    ) -> LinearClassifier:
        """Train the classifier on the arrays of a bank and queries, see :class:`~mmsync.evaluation.probes.Arrays`."""
        generator = torch.Generator().manual_seed(self.seed)
        mean, std = torch.zeros_like(bank[0]), torch.ones_like(bank[0])
        if self.standardize:
            mean, std = mean_and_std(bank)
            bank, query = (bank - mean) / std, (query - mean) / std
        norm = _BatchNorm(mean) if self.batch_norm else None
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
        if norm is not None:  # one standardisation after the other is one
            mean, std = mean + std * norm.mean, std * (norm.var + 1e-6).sqrt()
        return LinearClassifier(weight[:, :-1].clone(), weight[:, -1].clone(), mean, std, accuracy, loss)

    def _rate(self, epoch: int, done: float) -> float:
        """Learning rate after a share of an epoch."""
        if self.schedule == "cosine":
            return self.lr * 0.5 * (1 + math.cos(math.pi * (epoch + done) / self.epochs))
        return self.lr * self.gamma ** sum(epoch >= milestone for milestone in self.milestones)
