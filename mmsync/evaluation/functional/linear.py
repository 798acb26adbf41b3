"""The linear probe: a softmax classifier on frozen features."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from .knn import mean_and_std, topk_accuracy


@dataclass
class LinearProbe:
    """A trained probe and its accuracy over the epochs.

    Attributes:
        weight: ``(num_classes, D)``, on features that are standardised by ``mean`` and ``std``.
        bias: ``(num_classes,)``.
        mean: ``(D,)`` subtracted from the features.
        std: ``(D,)`` that the features are divided by.
        accuracy: Query accuracy in ``[0, 1]`` after each epoch.
    """

    weight: Tensor
    bias: Tensor
    mean: Tensor
    std: Tensor
    accuracy: list[float]

    @property
    def last(self) -> float:
        """Query accuracy after the last epoch: the number to report."""
        return self.accuracy[-1]

    @property
    def best(self) -> float:
        """Highest query accuracy of any epoch: chosen on the test data, as some papers do."""
        return max(self.accuracy)

    @property
    def best_epoch(self) -> int:
        """The epoch of ``best``, counted from 1."""
        return self.accuracy.index(self.best) + 1

    def __call__(self, features: Tensor) -> Tensor:
        """Logits ``(N, num_classes)`` of features ``(N, D)``."""
        return F.linear((features - self.mean) / self.std, self.weight, self.bias)


@torch.no_grad()
def train_linear_probe(
    bank: Tensor,
    bank_labels: Tensor,
    query: Tensor,
    query_labels: Tensor,
    num_classes: int,
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
) -> LinearProbe:
    """Train a softmax classifier by SGD on features that were extracted once.

    The defaults are the published protocol of AimCLR (Guo et al., AAAI 2022): learning rate 3, a tenth of it after
    epoch 80 of 100, batch 128, momentum 0.9, no weight decay. MAMP's (Mao et al., ICCV 2023) is ``lr=0.1,
    schedule='cosine', batch_norm=True``, there with augmented clips. The gradient is written out, so an epoch costs two
    matrix products per batch and no graph.

    Args:
        bank: ``(B, D)`` training features.
        bank_labels: ``(B,)`` int64 in ``[0, num_classes)``.
        query: ``(Q, D)`` test features.
        query_labels: ``(Q,)`` int64.
        num_classes: Number of classes.
        epochs: Passes over the bank, at least 1.
        lr: Learning rate of the first epoch.
        batch_size: Samples per step.
        momentum: Of SGD, without Nesterov.
        weight_decay: L2 on weight and bias, as in ``torch.optim.SGD``.
        milestones: The rate is multiplied by ``gamma`` after each of these epochs.
        gamma: Factor of the rate.
        schedule: ``'step'`` follows the milestones; ``'cosine'`` lets the rate fall to zero by half a cosine, step by
            step.
        standardize: Bring each feature to zero mean and unit variance over the bank first. Rates around 0.1 suit then.
        batch_norm: Normalise the features of each batch by its own statistics, and the queries by their running average
            (momentum 0.1, eps 1e-6): batch normalisation without weights in front of the classifier.
        seed: Of the order of the samples.

    Returns:
        The probe, with the query accuracy after each epoch.
    """
    generator = torch.Generator().manual_seed(seed)
    mean, std = torch.zeros_like(bank[0]), torch.ones_like(bank[0])
    if standardize:
        mean, std = mean_and_std(bank)
        bank, query = (bank - mean) / std, (query - mean) / std
    running_mean, running_var = torch.zeros_like(mean), torch.ones_like(std)
    # the bias is a last column of ones: one product per direction
    bank, query = F.pad(bank, (0, 1), value=1.0), F.pad(query, (0, 1), value=1.0)
    target = F.one_hot(bank_labels, num_classes).to(bank.dtype)
    weight = bank.new_zeros(num_classes, bank.shape[1])
    velocity = torch.zeros_like(weight)
    accuracy = []
    steps = math.ceil(len(bank) / batch_size)
    for epoch in range(epochs):
        rate = lr * gamma ** sum(epoch >= milestone for milestone in milestones)
        for step, batch in enumerate(torch.randperm(len(bank), generator=generator).to(bank.device).split(batch_size)):
            if schedule == "cosine":
                rate = lr * 0.5 * (1 + math.cos(math.pi * (epoch + step / steps) / epochs))
            x = bank[batch]
            if batch_norm:
                var, center = torch.var_mean(x[:, :-1], dim=0, unbiased=False)
                running_mean.lerp_(center, 0.1)
                running_var.lerp_(var * (len(x) / max(len(x) - 1, 1)), 0.1)
                x[:, :-1] = (x[:, :-1] - center) * (var + 1e-6).rsqrt()
            error = (x @ weight.T).softmax(dim=1) - target[batch]
            gradient = torch.addmm(weight, error.T, x, beta=weight_decay, alpha=1 / len(x))
            velocity.mul_(momentum).add_(gradient)
            weight.sub_(velocity, alpha=rate)
        if batch_norm:
            normal = F.pad((query[:, :-1] - running_mean) * (running_var + 1e-6).rsqrt(), (0, 1), value=1.0)
            accuracy.append(topk_accuracy(normal @ weight.T, query_labels))
        else:
            accuracy.append(topk_accuracy(query @ weight.T, query_labels))
    if batch_norm:  # one standardisation after the other is one
        mean, std = mean + std * running_mean, std * (running_var + 1e-6).sqrt()
    return LinearProbe(weight[:, :-1].clone(), weight[:, -1].clone(), mean, std, accuracy)
