"""The page `/metrics`: our figures, and what prometheus-client knows of the process itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import accumulate

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from reelkeep.telemetry.figures import Family
from reelkeep.telemetry.metrics import Metrics


class Exposition:
    """Makes the page of `metrics`, anew each time."""

    def __init__(self, metrics: Metrics) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_Ours(metrics))
        ProcessCollector(registry=self._registry)

    def page(self) -> bytes:
        """Return the page in Prometheus' text format, version 0.0.4."""
        return generate_latest(self._registry)


class _Ours(Collector):
    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return map(_metric, self._metrics.families())


def _metric(family: Family) -> Metric:
    if family.kind == "histogram":
        histogram = HistogramMetricFamily(family.name, family.help, labels=family.labels)
        for labels, one in family.buckets.items():
            histogram.add_metric(labels, list(_buckets(family, one.counts)), sum_value=one.sum)
        return histogram
    kind = CounterMetricFamily if family.kind == "counter" else GaugeMetricFamily
    plain = kind(family.name, family.help, labels=family.labels)
    for labels, value in family.values.items():
        plain.add_metric(labels, value)
    return plain


def _buckets(family: Family, counts: list[int]) -> Iterator[tuple[str, float]]:
    """Yield each bound with how many kept it, as Prometheus has it: the smaller ones included."""
    for bound, many in zip((*family.bounds, float("inf")), accumulate(counts), strict=True):
        yield ("+Inf" if bound == float("inf") else str(float(bound))), many
