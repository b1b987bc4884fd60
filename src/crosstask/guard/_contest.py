"""Every candidate on every fold and on all rows, or on fewer where a race or a time budget says so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import numpy as np
from joblib import effective_n_jobs
from numpy.typing import NDArray
from sklearn.utils.parallel import Parallel, delayed

from crosstask.allocation import How, Plan, Spent, Watch
from crosstask.guard._candidates import Candidates
from crosstask.guard._folds import FoldMaker, Folds
from crosstask.guard._held_out import Work, fit_one
from crosstask.guard._pace import Pace
from crosstask.guard._race import FIRST, Left, Race
from crosstask.tasks._cluster import sent_once

Array = NDArray[np.float64]
IntVector = NDArray[np.intp]


@dataclass(frozen=True)
class HeldOut:
    """Predictions (n_pairs, n_candidates, K) of held-out pairs, NaN where there are none, and the fold of each.

    ``kept`` are the positions of the candidates compared to the end, in the order of predictions and fitted models;
    ``left`` are the others.
    """

    predictions: Array
    fold: IntVector
    fitted: list[Any]
    kept: list[int]
    left: list[Left]


@dataclass
class Contest:
    """Fits candidates round by round; whoever falls behind, or has no time left, is not fitted again.

    Without a race and a pace there is one round: all folds, and all rows. In a race ``standing`` has the mean losses so
    far and the number of ``"folds"``, for whoever has to do with them because the fit was interrupted. A ``plan`` says
    how many fits run at a time, how each of them runs, and which begin first; it learns what they took.
    """

    candidates: Candidates
    work: Work
    folds: Folds
    maker: FoldMaker
    seed: int
    n_jobs: Any
    progress: Callable[[int, int, str], object]
    core: frozenset[int] = frozenset()
    race: Race | None = None
    pace: Pace | None = None
    plan: Plan | None = None
    spent: list[Spent] = field(default_factory=list[Spent])
    standing: dict[str, Any] = field(default_factory=dict[str, Any])
    done: int = 0

    @property
    def rows_of_a_fold(self) -> float:
        """Mean number of pairs that a fold is fitted on."""
        return float(np.mean([len(train) for train, _ in self.folds]))

    def run(self) -> HeldOut:
        """Return what was held out, and the models fitted on all pairs."""
        n, K = len(self.work.rows.codes), len(self.folds)
        self._parts = [(train, test, self.maker.inner(train, self.seed + 1)) for train, test in self.folds]
        everything = np.arange(n, dtype=np.intp)
        self._parts.append((everything, everything[:0], self.maker.inner(everything, self.seed + 1)))
        self._live, self._left = list(range(len(self.candidates))), list[Left]()
        self._predictions, self._fold = np.empty((0, 0, 0)), np.full(n, -1, dtype=np.intp)
        self._fitted: dict[int, Any] = {}
        names = [name for name, _ in self.candidates]
        if self.plan is not None:
            self.n_jobs = self.plan.workers.number
            self._drop([(names.index(name), reason) for name, reason in self.plan.left_out], 0)
        if self.pace is not None:
            workers: Any = effective_n_jobs(self.n_jobs)
            self.pace.begin(names, int(workers), n / self.rows_of_a_fold if K else 1.0)
        start = perf_counter()
        with sent_once(self.work):
            self._rounds(K)
        if self.plan is not None:
            self.plan.spent, self.plan.took = self.spent, perf_counter() - start
        kept = self._live
        predictions = self._predictions if self._predictions.size == 0 else self._predictions[:, kept]
        return HeldOut(predictions, self._fold, [self._fitted[c] for c in kept], kept, self._left)

    def _rounds(self, K: int) -> None:
        if self.race is None and self.pace is None:
            self._round(list(range(K + 1)))
            return
        self._folds_in_turn()
        if self.pace is not None:
            self._second_chance(self.pace)
            self._drop(self.pace.too_dear(self._live, self.core, 0), int(self._fold.max()) + 1)
        self._round([K])

    def _folds_in_turn(self) -> None:
        K = len(self.folds)
        for k in range(K):
            if self.pace is not None:
                if self.pace.stop([c for c in self._live if c in self.core], k):
                    return
                self._drop(self.pace.too_dear(self._live, self.core, K - k), k)
            self._round([k])
            if self.race is not None and self._predictions.size:
                self.standing |= self.race.standing(self._predictions, self._fold, self._live)
                self.standing["folds"] = k + 1
            if self.race is not None and FIRST <= k + 1 < K and any(c not in self.race.stays for c in self._live):
                overlap = sum(len(test) / len(train) for train, test in self.folds[: k + 1])
                self._drop(self.race.behind(self._predictions, self._fold, self._live, overlap), k + 1)

    def _second_chance(self, pace: Pace) -> None:
        """Hold the folds out for whom there seemed to be no time, the cheapest first, now that time was left over."""
        done = int(self._fold.max()) + 1
        names = [name for name, _ in self.candidates]
        too_large = set[str]() if self.plan is None else {name for name, _ in self.plan.left_out}
        early = [one for one in self._left if one.fold == 0 and one.name not in too_large]
        for one in sorted(early if done else [], key=lambda one: pace.seconds.get(names.index(one.name), np.inf)):
            c = names.index(one.name)
            if not pace.may_return(c, self._live, done):
                continue
            self._live = sorted([*self._live, c])
            self._round([0], only=c)
            if pace.may_return(c, self._live, done - 1):
                self._round(list(range(1, done)), only=c)
                self._left.remove(one)
            else:  # it takes longer than was thought
                self._live.remove(c)

    def _drop(self, leaving: list[tuple[int, str]], folds: int) -> None:
        for c, reason in leaving:
            self._live.remove(c)
            self._left.append(Left(self.candidates[c][0], folds, reason))

    def _round(self, parts: list[int], only: int | None = None) -> None:
        """Fit the live candidates (or one) on these parts, as many at once as there are workers, the longest first."""
        jobs = [(c, k) for c in self._live if only in (None, c) for k in parts]
        if self.pace is not None:
            seconds = self.pace.seconds
            jobs.sort(key=lambda job: (job[0] not in self.core, -seconds.get(job[0], 0.0)))
        elif self.plan is not None:
            place = self.plan.places()
            jobs.sort(key=lambda job: place[self.candidates[job[0]][0], self._fold_name(job[1])])
        later = len(self._parts) - 1 - max(parts) if only is None else 1
        total = self.done + len(jobs) + len(self._live) * later
        # one job at a time to each worker: joblib would put short ones into batches, and the last batch ends late
        one: Any = 1
        results: Any = Parallel(n_jobs=self.n_jobs, batch_size=one, return_as="generator")(
            self._work(jobs, sure=only is not None)
        )
        with self._how().limits():
            self._gather(jobs, results, total)

    def _gather(self, jobs: list[tuple[int, int]], results: Iterator[Any], total: int) -> None:
        skipped: list[int] = []
        for c, k in jobs:
            found = next(results)
            self.done += 1
            if found is None:
                skipped.append(c)
                continue
            last = k == len(self.folds)
            self.progress(
                self.done,
                total,
                f"{self.candidates[c][0]}: " + ("all rows" if last else f"fold {k + 1} of {len(self.folds)}"),
            )
            self._keep(c, k, found)
        out = "when its turn came there was no time left for it"
        self._drop([(c, out) for c in dict.fromkeys(skipped)], min(k for _, k in jobs))

    def _work(self, jobs: list[tuple[int, int]], *, sure: bool) -> Iterator[Any]:
        """Yield the fits; unless there surely is time, the clock is looked at when a worker asks for the next."""
        K = len(self.folds)
        for c, k in jobs:
            if self.pace is not None and not sure and not self.pace.may_begin(c, self._live, self.core, K - k - 1):
                yield delayed(_no_time)()
            else:
                name, estimator = self.candidates[c]
                parts = (estimator, self.work, *self._parts[k], self.seed + c)
                yield delayed(watched)(self._how(), name, self._fold_name(k), *parts)

    def _how(self) -> How:
        return How() if self.plan is None else self.plan.workers.how

    def _fold_name(self, k: int) -> int | None:
        return None if k == len(self.folds) else k

    def _keep(self, c: int, k: int, found: tuple[Any, IntVector, Array, float, Spent]) -> None:
        model, pairs, answer, seconds, spent = found
        self.spent.append(spent)
        if k == len(self.folds):
            self._fitted[c] = model
            return
        if self.pace is not None:
            self.pace.measured(c, seconds)
        if self._predictions.size == 0:
            shape = (len(self._fold), len(self.candidates), answer.shape[1])
            self._predictions = np.full(shape, np.nan)
        self._predictions[pairs, c], self._fold[pairs] = answer, k


def watched(how: How, name: str, fold: int | None, estimator: Any, *parts: Any) -> tuple[Any, ...]:
    """Fit one candidate on one fold, in the way that a plan says, and add what it took."""
    with Watch() as watch, how.limits():
        model, *found = fit_one(how.before(estimator), *parts)
    return (how.after(model, estimator), *found, watch.spent(name, fold, "all"))


def _no_time() -> None:
    return None


def time_findings(held: HeldOut, n_folds: int, names: list[str], pace: Pace | None) -> list[tuple[str, str]]:
    """Name whom the race and the budget left out, and say where a budget was too short."""
    findings: list[tuple[str, str]] = []
    for one in held.left:
        after = f"after fold {one.fold} of {n_folds}" if one.fold else "before the first fold"
        findings.append(("left-out", f"{one.name} was left out {after}: {one.reason}."))
    if pace is None:
        return findings
    done = int(held.fold.max()) + 1
    if done < n_folds:
        text = f"{done} of {n_folds} folds were held out, for the time budget left no more."
        findings.append(("fewer-folds", text))
    if pace.left() < 0:
        text = (
            f"the time budget of {pace.budget:g} seconds is too short for what is always compared ({', '.join(names)})."
        )
        findings.append(("over-budget", text))
    return findings
