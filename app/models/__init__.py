"""Tables, the rules of their state, and what follows from a row alone, such as how to open a dataset.

Importing the package registers all tables with SQLAlchemy.
"""

from app.models.api_keys import APIKey
from app.models.audit import AuditEntry
from app.models.bakeries import Bakery
from app.models.bakery_secrets import BakerySecret
from app.models.dataset_descriptions import DatasetCheck, DatasetDescription, DatasetHealth, DatasetThumbnail
from app.models.dataset_search import DatasetSearch, DatasetSearchQueue
from app.models.datasets import Dataset, DatasetEvent
from app.models.feedstock_metadata import FeedstockMetadata
from app.models.feedstocks import Feedstock, FeedstockAlias
from app.models.idempotency_keys import IdempotencyKey
from app.models.recipe_run_events import RecipeRunEvent
from app.models.recipe_runs import RecipeRun
from app.models.run_counts import RunCount
from app.models.run_logs import RunLog, RunLogLine
from app.models.run_sums import RunsOfDuration, RunsOfFailure, RunsOfPeriod

__all__ = [
    "APIKey",
    "AuditEntry",
    "Bakery",
    "BakerySecret",
    "Dataset",
    "DatasetCheck",
    "DatasetDescription",
    "DatasetEvent",
    "DatasetHealth",
    "DatasetSearch",
    "DatasetSearchQueue",
    "DatasetThumbnail",
    "Feedstock",
    "FeedstockAlias",
    "FeedstockMetadata",
    "IdempotencyKey",
    "RecipeRun",
    "RecipeRunEvent",
    "RunCount",
    "RunLog",
    "RunLogLine",
    "RunsOfDuration",
    "RunsOfFailure",
    "RunsOfPeriod",
]
