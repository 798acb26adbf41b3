"""The MLP probe."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmsync.evaluation.functional import topk_accuracy
from mmsync.evaluation.probes.base import Probe, ProbeResult, require_range, require_whole, scores_of
from mmsync.registry import PROBES
from mmsync.structures import FeatureTable


class MLPClassifier(NamedTuple):
    """A trained MLP probe.

    Attributes:
        net: ``(N, F)`` features to ``(N, num_classes)`` logits.
        accuracy: Query accuracy in ``[0, 1]`` after each epoch.
        loss: Mean training loss of each epoch.
    """

    net: nn.Sequential
    accuracy: list[float]
    loss: list[float]

    @torch.no_grad()
    def logits(self, features: Tensor, chunk_size: int = 4096) -> Tensor:
        """Logits ``(N, num_classes)`` of features ``(N, F)`` in eval mode, ``chunk_size`` at a time."""
        self.net.eval()
        return torch.cat([self.net(part.float()) for part in features.split(chunk_size)])


@PROBES.register_module()
class MLPProbe(Probe):
    """Dropout, Linear, batch normalisation, ReLU, Linear, trained on features ``(N, F)`` that were extracted once.

    MotionBERT's action head; no linear probe, so report its number as of an MLP probe. Gives ``last`` and ``best``. The
    defaults are ours; those of MBAimCLR's report are ``optimizer='sgd', lr=1e-3, milestone=80, epochs=100,
    batch_size=8, weight_decay=0, eval_mode=True``.

    Args:
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
        column: Name of the column of features; ``'joints'`` has those of each joint, ``(N, V' * D)``.

    Raises:
        ConfigError: An argument is out of its range.
    """

    name = "mlp"
    headline = "last"
    softmax = True

    def __init__(
        self,
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
        column: str = "joints",
    ) -> None:
        super().__init__(column)
        require_whole(self, hidden=hidden, epochs=epochs, batch_size=batch_size)
        require_whole(self, 0, milestone=milestone)
        require_range(self, lr=(lr, lr > 0, "above 0"), dropout=(dropout, 0 <= dropout < 1, "in [0, 1)"))
        self.hidden, self.dropout, self.epochs, self.batch_size = hidden, dropout, epochs, batch_size
        self.optimizer, self.lr, self.weight_decay, self.milestone = optimizer, lr, weight_decay, milestone
        self.eval_mode, self.seed = eval_mode, seed

    def missing(self, column: str) -> str:
        """The error message for a column that the table does not have."""
        if column != "joints":
            return super().missing(column)
        return (
            "the MLP probe needs the features of each joint, and predict() gives pooled ones; run it by "
            "tools/benchmark.py, or with the features of mmsync.apis.extract_features(..., joints=True)"
        )

    def run(self, bank: FeatureTable, query: FeatureTable, device: str = "cpu") -> ProbeResult:
        """Train on the bank and classify the queries."""
        arrays = self.arrays(bank, query, device)
        probe = self.fit(*arrays)
        top1 = [100 * value for value in probe.accuracy]
        return ProbeResult(
            {"last": top1[-1], "best": max(top1)},
            scores_of(query, probe.logits(arrays.query)),
            {"loss": probe.loss, "top1": top1},
            "MLP probe (no linear one) on the features of the single joints",
        )

    def fit(
        self, bank: Tensor, bank_labels: Tensor, query: Tensor, query_labels: Tensor, num_classes: int
    ) -> MLPClassifier:
        """Train the classifier on the arrays of a bank and queries, see :class:`~mmsync.evaluation.probes.Arrays`."""
        device = bank.device
        with torch.random.fork_rng(devices=[torch.cuda.current_device()] if device.type == "cuda" else []):
            torch.manual_seed(self.seed)
            net = nn.Sequential(
                nn.Dropout(self.dropout),
                nn.Linear(bank.shape[1], self.hidden),
                nn.BatchNorm1d(self.hidden),
                nn.ReLU(inplace=True),
                nn.Linear(self.hidden, num_classes),
            ).to(device)
            optim, scheduler = self._optimizer(net)
            probe = MLPClassifier(net, [], [])
            for _ in range(self.epochs):
                net.train(not self.eval_mode)
                losses = []
                for batch in torch.randperm(len(bank)).to(device).split(self.batch_size):
                    if len(batch) == 1 and len(bank) > 1:  # it has no batch statistics
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

    def _optimizer(self, net: nn.Module) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
        kind: Any = partial(torch.optim.SGD, momentum=0.9) if self.optimizer == "sgd" else torch.optim.AdamW
        optim = kind(net.parameters(), self.lr, weight_decay=self.weight_decay)
        if self.milestone:
            return optim, torch.optim.lr_scheduler.MultiStepLR(optim, [self.milestone])
        return optim, torch.optim.lr_scheduler.CosineAnnealingLR(optim, self.epochs)
