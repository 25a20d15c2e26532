"""Every URL of the service."""

from app.routes import (
    api_keys,
    audit,
    bakeries,
    datasets,
    docs,
    feeds,
    feedstocks,
    metrics,
    probes,
    recipe_runs,
    repr,
    stac,
    stats,
)

# In the order of the documentation.
BLUEPRINTS = (
    *(bakeries.blp, feedstocks.blp, recipe_runs.blp, datasets.blp, stac.blp, feeds.blp, repr.blp, stats.blp),
    *(api_keys.blp, audit.blp),
)
UNDOCUMENTED_BLUEPRINTS = (probes.blp, metrics.blp, docs.blp)
