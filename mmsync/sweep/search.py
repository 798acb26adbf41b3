"""Search over settings with Optuna."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Optional, Union

from mmsync.errors import ConfigError, MMSyncError, did_you_mean, nearest
from mmsync.protocols.tables import digest
from mmsync.sweep.pools import optional
from mmsync.sweep.settings import Setting, parse_options

_RANGE = re.compile(r"([^:,]+):([^:,]+)(?::(\w*))?")
_CONFIG = "<config>"  # no key of a config


def parse_space(texts: Sequence[str]) -> dict[str, Union[list[Any], tuple[float, float, bool]]]:
    """Parse ``KEY=V1,V2``, ``KEY=LOW:HIGH`` and ``KEY=LOW:HIGH:log`` to values, or ``(low, high, log)``, by key."""
    space: dict[str, Any] = {}
    for key, values in parse_options(texts, "--set").items():
        space[key] = values
        for match in filter(None, (_RANGE.fullmatch(value) for value in values if isinstance(value, str))):
            try:
                low, high = (float(end) if set(end) & set(".eE") else int(end) for end in match.groups()[:2])
            except ValueError:
                continue  # a value with a colon
            text = f"--set {key}={match[0]}"
            if len(values) > 1 or match[3] not in (None, "log"):
                raise ConfigError(f"{text}: a range must be the only value, as LOW:HIGH or LOW:HIGH:log")
            if low >= high or (match[3] and low <= 0):
                raise ConfigError(f"{text}: LOW:HIGH needs LOW < HIGH, and with :log also 0 < LOW")
            space[key] = (low, high, bool(match[3]))
    return space


class Search:
    """Study of Optuna, stored in a file so that a later call continues it."""

    def __init__(
        self,
        file: Path,  # an SQLite file
        make: Callable[[str, Mapping[str, Any]], Setting],  # makes a setting of a config and values
        configs: Sequence[str],  # config files; several are another dimension of the space
        space: Mapping[str, Any],  # search space, see :func:`parse_space`
        trials: int,  # total number of settings, including former calls
        metric: Optional[str],  # result to maximize; ``None`` for the first
        seeds: Sequence[int],  # seeds of every setting. Other seeds, space or configs are another study in the file
    ) -> None:
        self._optuna = optuna = optional("optuna", "--search optuna")
        if not space and len(configs) < 2:
            raise ConfigError("--search: there is nothing to search; add --set KEY=V1,V2 or --set KEY=LOW:HIGH")
        self._make, self._configs, self.metric = make, list(configs), metric
        of = optuna.distributions
        self._choices: dict[str, dict[str, Any]] = {}
        self._distributions: dict[str, Any] = {}
        if len(configs) > 1:
            self._distributions[_CONFIG] = of.CategoricalDistribution(self._configs)
        for key, values in space.items():
            if isinstance(values, tuple):
                low, high, log = values
                whole = isinstance(low, int) and isinstance(high, int)
                kind = of.IntDistribution if whole else of.FloatDistribution
                self._distributions[key] = kind(low, high, log=log)
            else:  # Optuna stores plain values only
                self._choices[key] = {str(value): value for value in values}
                self._distributions[key] = of.CategoricalDistribution(list(self._choices[key]))
        ends = {key: values[:2] if isinstance(values, tuple) else values for key, values in space.items()}
        signatures = []
        for config in configs:
            for i in range(max(map(len, ends.values()), default=1)):  # each value once, not all combinations
                setting = make(config, {key: one[min(i, len(one) - 1)] for key, one in ends.items()})
                signatures.append([setting.signature, setting.protocols])
        self._name = digest([signatures, repr(space), metric, list(seeds)])
        self._file, self._trials = file, trials
        self._open: dict[Setting, Any] = {}
        self.failures: dict[str, str] = {}

    def start(self) -> int:
        """Open the study and queue interrupted trials again; return the number of settings."""
        optuna = self._optuna
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._study = study = optuna.create_study(
            study_name=self._name, storage=f"sqlite:///{self._file}", direction="maximize", load_if_exists=True
        )
        state = optuna.trial.TrialState
        for trial in study.get_trials(states=[state.RUNNING]):
            study.enqueue_trial(trial.params)
            study.tell(trial.number, state=state.FAIL)
        self._former = study.get_trials(states=[state.COMPLETE])
        # a constant seed would repeat the trials of the former call
        study.sampler = optuna.samplers.TPESampler(seed=len(study.trials), constant_liar=True)
        return max(self._trials, len(self._former))

    def settings(self) -> Iterator[Setting]:
        """Settings of former calls, for the table, then new ones, each chosen by the results so far."""
        for trial in self._former:
            yield self._setting(trial)
        for _ in range(self._trials - len(self._former)):
            trial = self._study.ask(self._distributions)
            try:
                setting = self._setting(trial)
            except MMSyncError as error:  # each value is valid by itself, but not the combination
                self._study.tell(trial, state=self._optuna.trial.TrialState.FAIL)
                self.failures[f"trial {trial.number}"] = str(error)
                continue
            self._open[setting] = trial
            yield setting

    def _setting(self, trial: Any) -> Setting:
        values = {key: self._choices.get(key, {}).get(value, value) for key, value in trial.params.items()}
        return self._make(values.pop(_CONFIG, self._configs[0]), values)

    def report(self, setting: Setting, row: Mapping[str, Any]) -> None:
        """Report the results of a setting to the study; raise ``ConfigError`` if the metric is not among them."""
        trial, metrics = self._open.pop(setting, None), row["metrics"]
        if trial is None:  # from a former call
            return
        if row["failed"]:
            self._study.tell(trial, state=self._optuna.trial.TrialState.FAIL)
            return
        self.metric = self.metric or next(iter(metrics), None)
        if self.metric not in metrics:
            hint = did_you_mean(nearest(str(self.metric), metrics))
            known = ", ".join(metrics) or "none"
            raise ConfigError(f"--metric {self.metric}: no such result{hint or '.'} Available: {known}")
        self._study.tell(trial, metrics[self.metric]["mean"])
