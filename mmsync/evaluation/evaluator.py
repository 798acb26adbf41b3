"""Hands what a model predicts to the metrics."""

from __future__ import annotations

from typing import Any, Optional, Union

from mmengine.evaluator import Evaluator

from mmsync.registry import EVALUATOR
from mmsync.structures import FeatureTable


@EVALUATOR.register_module()
class TableEvaluator(Evaluator):
    """MMEngine's evaluator for models that predict a :class:`~mmsync.structures.FeatureTable` of each batch.

    A metric with the attribute ``takes_tables`` gets the table, any other one a list of dicts, one for each sample.

    Args:
        metrics: Metrics or their configs.
    """

    def process(self, data_samples: Union[FeatureTable, list], data_batch: Optional[Any] = None) -> None:
        """Hand a batch to every metric.

        Args:
            data_samples: The table of a batch, or samples of a model of another project.
            data_batch: The batch.
        """
        if not isinstance(data_samples, FeatureTable):
            super().process(data_samples, data_batch)
            return
        rows = None
        for metric in self.metrics:
            if getattr(metric, "takes_tables", False):
                metric.process(data_batch, data_samples)
            else:
                rows = data_samples.rows() if rows is None else rows
                metric.process(data_batch, rows)
