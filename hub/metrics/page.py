"""What ``/metrics`` shows: one hub as a whole, whichever of its processes is asked.

What processes count is taken from the store after the asked process has told its own, so that two readings never differ
by who answered. What the store knows is read from it once.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
)
from prometheus_client.registry import Collector

from hub.metrics.catalogue import METRICS, PREFIX, Metric
from hub.metrics.counts import INFINITE
from hub.replicating.board import State
from hub.rounds.collecting import chore, last_good
from hub.rounds.watch import BALANCE, SURVEY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from prometheus_client.core import Metric as Family

    from hub.replicating.board import Line
    from hub.store.contract.store import Store
    from hub.store.contract.watching import Series

CIRCUITS = {"closed": 0.0, "half_open": 0.5, "open": 1.0}
ALIVE = 20.0
"""Seconds since its last beat for which a process counts as living."""

Values = dict[str, dict[tuple[str, ...], float]]
"""By metric and labels."""


async def page(  # noqa: PLR0913 - one parameter for each thing that no store knows
    store: Store,
    now: datetime,
    *,
    version: str,
    free: Callable[[], int],
    most: int | None = None,
    left: Mapping[str, float] = MappingProxyType({}),
    collected: Sequence[str] = (),
    edges: Sequence[Line] = (),
) -> bytes:
    """Return the page in Prometheus's text format. ``free``: bytes on the disk of the data folder;
    ``most``: bytes that the database may have; ``left``: seconds until no certificate of a partner may be believed;
    ``collected``: partners that the hub picks up from;
    ``edges``: the board of hubs below.
    """
    values: Values = {metric.name: {} for metric in METRICS}
    values["trust_left_seconds"] = {(partner,): seconds for partner, seconds in left.items()}
    await _queue(store, now, values)
    await _processes(store, now, values)
    await _checks(store, now, values)
    await _collected(store, collected, now, values)
    await _evidence(store, now, values)
    _edges(edges, now, values)
    figures = await store.figures()
    values["database_bytes"][()] = figures.size
    if most is not None:
        values["database_limit_bytes"][()] = most
    values["disk_free_bytes"][()] = free()
    if figures.log is not None:
        values["log_bytes"][()] = figures.log
    values["build"][version, figures.engine, figures.version] = 1
    registry = CollectorRegistry()
    registry.register(_Given(values, await store.counted()))
    return generate_latest(registry)


async def _queue(store: Store, now: datetime, values: Values) -> None:
    for row in await store.queue():
        for state in row.counts:
            values["transfers"][row.partner, state] = row.real(state)
        values["blocked"][(row.partner,)] = row.blocked - row.trial_blocked
        values["oldest_seconds"][(row.partner,)] = (now - row.oldest).total_seconds() if row.oldest else 0.0
        values["paused"][(row.partner,)] = float(row.paused)
        values["circuit_open"][(row.partner,)] = CIRCUITS[row.circuit]
        values["leases_expired"][(row.partner,)] = row.expired


async def _processes(store: Store, now: datetime, values: Values) -> None:
    for process in await store.processes():
        if (now - process.seen).total_seconds() > ALIVE:
            continue
        role = (process.role,)
        values["processes"][role] = values["processes"].get(role, 0.0) + 1
        for what, value in process.gauges.items():
            place = (process.role, what)
            values["busy"][place] = values["busy"].get(place, 0.0) + value


async def _checks(store: Store, now: datetime, values: Values) -> None:
    balance, survey = await store.verdict(BALANCE), await store.verdict(SURVEY)
    values["conservation_broken"][()] = sum(len(found.broken) for found in (balance, survey) if found)
    if survey:
        values["conservation_age_seconds"][()] = (now - survey.at).total_seconds()


async def _collected(store: Store, partners: Sequence[str], now: datetime, values: Values) -> None:
    for partner in partners:
        if said := await store.verdict(chore(partner)):
            age = (now - last_good(said)).total_seconds()
            values["collect_age_seconds"][(partner,)] = max(0.0, age)


async def _evidence(store: Store, now: datetime, values: Values) -> None:
    found = await store.evidence.standing()
    for name, since in (("unchained", found.unchained), ("unstamped", found.unrooted)):
        age = max(0.0, (now - since).total_seconds()) if since else 0.0
        values[f"journal_{name}_seconds"][()] = age


def _edges(lines: Sequence[Line], now: datetime, values: Values) -> None:
    for line in lines:
        if line.through or line.state is State.SUCCEEDED:
            continue
        if line.heard_at:
            values["edge_heard_seconds"][(line.partner,)] = max(0.0, (now - line.heard_at).total_seconds())
        values["edge_waiting"][line.partner, "down"] = line.down
        values["edge_waiting"][line.partner, "up"] = line.up
        values["edge_version_behind"][(line.partner,)] = max(0, line.newest - line.version)


class _Given(Collector):
    """Families from values that are there already."""

    def __init__(self, values: Values, counted: Mapping[Series, float]) -> None:
        self._values, self._counted = values, counted

    def collect(self) -> Iterable[Family]:
        for metric in METRICS:
            yield _histogram(metric, self._counted) if metric.kind == "histogram" else self._plain(metric)

    def _plain(self, metric: Metric) -> Family:
        found = (
            {labels: value for (name, labels), value in self._counted.items() if name == metric.name}
            if metric.counted
            else self._values[metric.name]
        )
        if metric.kind == "info":
            told = InfoMetricFamily(PREFIX + metric.name, metric.en)
            for labels in found:
                told.add_metric([], dict(zip(metric.labels, labels, strict=True)))
            return told
        plain: Callable[..., CounterMetricFamily | GaugeMetricFamily] = (
            CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
        )
        family = plain(PREFIX + metric.name, metric.en, labels=metric.labels)
        for labels, value in sorted(found.items()):
            family.add_metric(labels, value)
        return family


def _histogram(metric: Metric, counted: Mapping[Series, float]) -> Family:
    family = HistogramMetricFamily(PREFIX + metric.name, metric.en, labels=metric.labels)
    sums = {labels: value for (name, labels), value in counted.items() if name == f"{metric.name}_sum"}
    for labels, total in sorted(sums.items()):
        buckets, below = [], 0.0
        for bound in (*(f"{bound:g}" for bound in metric.buckets), INFINITE):
            below += counted.get((f"{metric.name}_bucket", (*labels, bound)), 0.0)
            buckets.append((bound, below))
        family.add_metric(labels, buckets, total)
    return family
