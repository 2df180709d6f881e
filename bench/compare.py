"""Ratios of two running times, measured in interleaved rounds.

A machine that others use drifts, and so does its clock rate. Each round therefore runs
every contender once, in an order drawn anew, and what is compared is the ratio within a
round. The figure reported is the median of those ratios, with a bootstrap interval
(percentiles of the medians of resampled rounds).
"""

from __future__ import annotations

import gc
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

Run = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Ratio:
    """A running time over another: the median over rounds and its 95 % interval."""

    value: float
    low: float
    high: float
    ours: float  # the median time of the numerator, in seconds
    theirs: float  # of the denominator
    rounds: int


def interleave(
    runs: Mapping[str, Run], *, rounds: int, warmup: int = 1, seed: int = 0
) -> dict[str, list[float]]:
    """Time every run once a round, in a random order; seconds by name and round.

    A run must not return before its work is done (``jax.block_until_ready``).
    """
    for _ in range(warmup):
        for run in runs.values():
            run()
    order = list(runs)
    shuffle = random.Random(seed).shuffle
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        shuffle(order)
        for name in order:
            gc.collect()
            start = time.perf_counter()
            runs[name]()
            times[name].append(time.perf_counter() - start)
    return times


def ratio(ours: Sequence[float], theirs: Sequence[float], *, resamples: int = 2000) -> Ratio:
    """The median of the ratios round by round, with its bootstrap interval.

    Raises ValueError where the rounds do not pair up.
    """
    if len(ours) != len(theirs) or not ours:
        raise ValueError(f"{len(ours)} rounds of ours, {len(theirs)} of theirs")
    ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
    draw = random.Random(0).choices
    medians = sorted(median(draw(ratios, k=len(ratios))) for _ in range(resamples))
    return Ratio(
        value=median(ratios),
        low=medians[int(0.025 * resamples)],
        high=medians[int(0.975 * resamples)],
        ours=median(ours),
        theirs=median(theirs),
        rounds=len(ratios),
    )


def compare(ours: Run, theirs: Run, *, rounds: int, warmup: int = 1) -> Ratio:
    """The running time of ``ours`` over that of ``theirs``."""
    times = interleave({"ours": ours, "theirs": theirs}, rounds=rounds, warmup=warmup)
    return ratio(times["ours"], times["theirs"])


def difference(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The median over rounds of the seconds that ours take above theirs."""
    return median(a - b for a, b in zip(ours, theirs, strict=True))
