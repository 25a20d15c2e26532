"""What Prometheus reads: requests and the use of connections in all workers of a server, runs in the database.

Workers share their values through files in METRICS_FOLDER, see gunicorn.conf.py; without one, a process has its own.
"""

import logging
from collections.abc import Iterator
from functools import cache
from typing import cast

from flask import Flask
from prometheus_client import REGISTRY, CollectorRegistry, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import QueuePool

from app.database.columns import now
from app.extensions import db
from app.models import RecipeRun, RunCount
from app.models.recipe_runs import STATUSES
from app.models.run_counts import ALL, TOTAL

logger = logging.getLogger(__name__)

# Paths that lead nowhere have one route in common, and methods that are none one name: labels must not grow at will.
NO_ROUTE = "none"
METHODS = frozenset({"GET", "HEAD", "POST", "PATCH", "PUT", "DELETE", "OPTIONS"})

REQUESTS = Histogram(
    "pangeo_forge_request_duration_seconds",
    "Requests, and how long each took.",
    ["method", "route", "status"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
CONNECTIONS = Gauge(
    "pangeo_forge_pool_connections_in_use", "Database connections that requests hold.", multiprocess_mode="livesum"
)
POOL_SIZE = Gauge(
    "pangeo_forge_pool_connections_max",
    "Database connections that requests may hold.",
    multiprocess_mode="livesum",
)


def sample(app: Flask) -> None:
    """Note how many connections of this process are in use: a worker does so each second, and who is scraped."""
    with app.app_context():
        pool = cast(QueuePool, db.engine.pool)
    CONNECTIONS.set(pool.checkedout())
    POOL_SIZE.set(pool.size())


def observe(method: str, route: str, status: int, seconds: float) -> None:
    _requests(method if method in METHODS else "other", route, status).observe(seconds)


@cache
def _requests(method: str, route: str, status: int) -> Histogram:
    return REQUESTS.labels(method, route, status)


def exposition(app: Flask) -> bytes:
    """Everything, in Prometheus' text format."""
    sample(app)
    folder = app.config["METRICS_FOLDER"]
    processes, database = CollectorRegistry() if folder else REGISTRY, CollectorRegistry()
    if folder:
        MultiProcessCollector(processes, folder)  # type: ignore[no-untyped-call]  # it has no types yet
    database.register(Runs())
    return generate_latest(processes) + generate_latest(database)


class Runs(Collector):
    """What only the database knows, asked at each scrape; without its answer the rest is still worth reading."""

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
    """By the counts that triggers keep, as there may be a million runs."""
    runs = select(RunCount.status, TOTAL).where(RunCount.slice == ALL).group_by(RunCount.status)
    return dict.fromkeys(STATUSES, 0) | dict(db.session.execute(runs).all())


def age_of_oldest_queued() -> float:
    """In seconds, since the run was stored; runs that are older than that column count from their start."""
    since = select(func.min(func.coalesce(RecipeRun.created_at, RecipeRun.started_at)))
    oldest = db.session.scalar(since.where(RecipeRun.status == "queued"))
    return max((now() - oldest).total_seconds(), 0) if oldest else 0
