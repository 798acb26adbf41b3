"""The MLP probe: MotionBERT's action head on frozen features."""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .knn import topk_accuracy


class MLPProbe(NamedTuple):
    """A trained probe and its accuracy over the epochs.

    Attributes:
        net: ``(N, F)`` features to ``(N, num_classes)`` logits.
        accuracy: Query accuracy in ``[0, 1]`` after each epoch.
    """

    net: nn.Sequential
    accuracy: list[float]


def train_mlp_probe(
    bank: Tensor,
    bank_labels: Tensor,
    query: Tensor,
    query_labels: Tensor,
    num_classes: int,
    hidden: int = 2048,
    dropout: float = 0.5,
    epochs: int = 50,
    batch_size: int = 128,
    optimizer: Literal["adamw", "sgd"] = "adamw",
    lr: float = 1e-3,
    weight_decay: float = 1e-2,
    milestone: int = 0,
    eval_mode: bool = False,
    seed: int = 0,
) -> MLPProbe:
    """Train Dropout, Linear, batch normalisation, ReLU, Linear on features that were extracted once.

    It is no linear probe, and has to be called an MLP probe wherever its number stands. The defaults are ours; those of
    MBAimCLR's report are ``optimizer='sgd', lr=1e-3, milestone=80, epochs=100, batch_size=8, weight_decay=0,
    eval_mode=True``.

    Args:
        bank: ``(B, F)`` training features, float32 or float16.
        bank_labels: ``(B,)`` int64 in ``[0, num_classes)``.
        query: ``(Q, F)`` test features.
        query_labels: ``(Q,)`` int64.
        num_classes: Number of classes.
        hidden: Width of the hidden layer.
        dropout: Of the features, in [0, 1).
        epochs: Passes over the bank, at least 1.
        batch_size: Samples per step; a last batch of a single sample is left out.
        optimizer: ``'adamw'``, or ``'sgd'`` with momentum 0.9.
        lr: Learning rate of the first step.
        weight_decay: Of all parameters.
        milestone: The rate falls to a tenth after this epoch; 0 lets it fall to zero by a half cosine.
        eval_mode: Train with dropout off and batch normalisation at mean 0 and variance 1, as MBAimCLR's code does.
        seed: Of the initialisation, the dropout and the order of the samples.

    Returns:
        The probe, with the query accuracy after each epoch.
    """
    device = bank.device
    with torch.random.fork_rng(devices=[torch.cuda.current_device()] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        net = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(bank.shape[1], hidden),
            nn.BatchNorm1d(hidden),
            nn.ReLU(inplace=True),
            nn.Linear(hidden, num_classes),
        ).to(device)
        if optimizer == "sgd":
            optim: torch.optim.Optimizer = torch.optim.SGD(net.parameters(), lr, 0.9, weight_decay=weight_decay)
        else:
            optim = torch.optim.AdamW(net.parameters(), lr, weight_decay=weight_decay)
        scheduler: torch.optim.lr_scheduler.LRScheduler = (
            torch.optim.lr_scheduler.MultiStepLR(optim, [milestone])
            if milestone
            else torch.optim.lr_scheduler.CosineAnnealingLR(optim, epochs)
        )
        accuracy = []
        for _ in range(epochs):
            net.train(not eval_mode)
            for batch in torch.randperm(len(bank)).to(device).split(batch_size):
                if len(batch) == 1 and len(bank) > 1:  # it has no batch statistics
                    continue
                loss = F.cross_entropy(net(bank[batch].float()), bank_labels[batch])
                optim.zero_grad()
                loss.backward()
                optim.step()
            scheduler.step()
            accuracy.append(topk_accuracy(mlp_logits(net, query), query_labels))
    return MLPProbe(net, accuracy)


@torch.no_grad()
def mlp_logits(net: nn.Module, features: Tensor, chunk_size: int = 4096) -> Tensor:
    """Logits ``(N, num_classes)`` of features ``(N, F)`` in eval mode, ``chunk_size`` at a time."""
    net.eval()
    return torch.cat([net(part.float()) for part in features.split(chunk_size)])
