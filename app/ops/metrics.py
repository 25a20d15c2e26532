"""The metrics that Prometheus reads: requests and connections of all workers of a server, and runs in the database."""

import logging
from collections.abc import Iterator
from itertools import accumulate
from typing import cast

from flask import Flask
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import QueuePool

from app.database.columns import now
from app.extensions import db
from app.models import RecipeRun, RunCount
from app.models.recipe_runs import STATUSES
from app.models.run_counts import ALL, TOTAL
from app.ops.shared_counts import BOUNDS, SharedCounts

logger = logging.getLogger(__name__)

# All unknown paths share one route and all unknown methods one name: clients must not be able to add labels.
NO_ROUTE = "none"
METHODS = frozenset({"GET", "HEAD", "POST", "PATCH", "PUT", "DELETE", "OPTIONS"})

COUNTS = SharedCounts()


def sample(app: Flask) -> None:
    """Record how many database connections this process uses. Workers do so once a second and at a scrape."""
    with app.app_context():
        pool = cast(QueuePool, db.engine.pool)
    COUNTS.region.connections_in_use = pool.checkedout()
    COUNTS.region.connections_max = pool.size()


def observe(method: str, route: str, status: int, seconds: float) -> None:
    """Count a request that has been answered."""
    COUNTS.count(f"{method if method in METHODS else 'other'} {status} {route}", seconds)


def exposition(app: Flask) -> bytes:
    """All metrics, in Prometheus' text format."""
    sample(app)
    registry = CollectorRegistry()
    for collector in (Requests(), Connections(), Runs()):
        registry.register(collector)
    return generate_latest(registry)


class Requests(Collector):
    """How many requests all workers answered, and how fast."""

    def collect(self) -> Iterator[HistogramMetricFamily]:
        name, labels = "pangeo_forge_request_duration_seconds", ["method", "route", "status"]
        requests = HistogramMetricFamily(name, "Requests, and how long each took.", labels=labels)
        for key, series in COUNTS.totals().items():
            method, status, route = key.split(" ", 2)
            buckets = zip([*map(str, BOUNDS), "+Inf"], accumulate(series.buckets), strict=True)
            requests.add_metric([method, route, status], list(buckets), series.seconds)
        yield requests


class Connections(Collector):
    """How many connections to the database all workers use, and how many they may use."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        in_use = sum(region.connections_in_use for region in COUNTS.regions)
        most = sum(region.connections_max for region in COUNTS.regions)
        name = "pangeo_forge_pool_connections"
        yield GaugeMetricFamily(f"{name}_in_use", "Database connections that requests hold.", in_use)
        yield GaugeMetricFamily(f"{name}_max", "Database connections that requests may hold.", most)


class Runs(Collector):
    """The metrics that need the database. If it does not answer, the other metrics are still exposed."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        try:
            by_status, age = runs_by_status(), age_of_oldest_queued()
        except SQLAlchemyError as error:
            db.session.rollback()
            logger.error("database unavailable to metrics", extra={"error": type(error).__name__})
            yield GaugeMetricFamily("pangeo_forge_database_up", "Whether the database answers.", 0)
            return
        yield GaugeMetricFamily("pangeo_forge_database_up", "Whether the database answers.", 1)
        runs = GaugeMetricFamily("pangeo_forge_recipe_runs", "Recipe runs.", labels=["status"])
        for status, count in by_status.items():
            runs.add_metric([status], count)
        yield runs
        yield GaugeMetricFamily(
            "pangeo_forge_oldest_queued_run_age_seconds", "How long the oldest queued run waits; 0 if none does.", age
        )


def runs_by_status() -> dict[str, int]:
    """Read the counts that triggers keep: there may be a million runs."""
    runs = select(RunCount.status, TOTAL).where(RunCount.slice == ALL).group_by(RunCount.status)
    return dict.fromkeys(STATUSES, 0) | dict(db.session.execute(runs).all())


def age_of_oldest_queued() -> float:
    """Seconds since the run was stored, or since its start if it is older than the column `created_at`."""
    since = select(func.min(func.coalesce(RecipeRun.created_at, RecipeRun.started_at)))
    oldest = db.session.scalar(since.where(RecipeRun.status == "queued"))
    return max((now() - oldest).total_seconds(), 0) if oldest else 0
