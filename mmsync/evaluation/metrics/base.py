"""Evaluator and metrics on feature tables: collect the tables of all batches and ranks, and compute once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Optional, Union

from mmengine.dist import all_gather_object, broadcast_object_list, is_main_process
from mmengine.evaluator import BaseMetric, Evaluator

from mmsync.errors import ProtocolError, unwritten
from mmsync.registry import EVALUATOR
from mmsync.structures import FeatureTable


@EVALUATOR.register_module()
class TableEvaluator(Evaluator):
    """MMEngine's evaluator: a :class:`TableMetric` gets the predicted table, any other metric a dict a sample."""

    def process(self, data_samples: Union[FeatureTable, list], data_batch: Optional[Any] = None) -> None:
        """Hand the predictions for a batch to every metric."""
        if not isinstance(data_samples, FeatureTable):
            super().process(data_samples, data_batch)
            return
        for metric in self.metrics:
            metric.process(data_batch, data_samples if isinstance(metric, TableMetric) else data_samples.rows())


class TableMetric(BaseMetric):
    """A metric on a table's columns, each sample counted once; a subclass writes :meth:`compute`."""

    default_prefix = ""  # names of results are whole

    @property
    def gives(self) -> Optional[list[str]]:
        """Names of its results, as patterns of fnmatch; ``None`` if they are not known before the first evaluation."""
        return None

    def columns(self) -> dict[str, str]:
        """Columns that it needs, each with the error message if the table does not have it."""
        raise unwritten(self, "columns()")

    def check_data(self, dataset: Any) -> None:
        """Check the opened data set of the evaluation before a run; a ProtocolError if the metric does not apply."""

    def keeps(self, table: FeatureTable) -> FeatureTable:
        """Select the columns of a batch to keep."""
        return table

    def compute(self, table: FeatureTable) -> dict[str, float]:
        """Compute the results of all samples."""
        raise unwritten(self, "compute(table)")

    def process(self, data_batch: Any, data_samples: Union[FeatureTable, Sequence[dict]]) -> None:
        """Keep the table that a model predicts, or the samples of a model of another project as dicts."""
        table = data_samples if isinstance(data_samples, FeatureTable) else FeatureTable.of_rows(data_samples)
        self.require_columns(table)
        self.results.append(self.keeps(table).detach())

    def evaluate(self, size: int) -> dict[str, float]:
        """Compute on the main process and give the results, or the error, to all; ``size`` is not used."""
        local = [FeatureTable.cat(self.results)] if self.results else []
        self.results.clear()
        parts = [part for rank in all_gather_object(local) for part in rank]
        outcome: list[Any] = [None]
        if is_main_process():
            try:
                outcome = [self.compute_metrics(parts)]
            except Exception as error:  # every rank must learn of it, or the others wait for ever
                outcome = [error]
        broadcast_object_list(outcome)
        if isinstance(outcome[0], Exception):
            raise outcome[0]
        return outcome[0]

    def compute_metrics(self, results: list[FeatureTable]) -> dict[str, float]:
        """Compute the results of samples in parts; a ProtocolError without any, or without a column."""
        table = FeatureTable.cat(results)
        if not len(table):
            raise ProtocolError(f"{type(self).__name__}: the data set of the evaluation is empty")
        self.require_columns(table)
        return self.compute(table)

    def require_columns(self, table: FeatureTable) -> None:
        """Raise a ProtocolError if a table lacks a column."""
        for name, message in self.columns().items():
            if name not in table:
                raise ProtocolError(f"{type(self).__name__}: {message}")
