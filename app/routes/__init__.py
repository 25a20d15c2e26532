"""The URLs of the API: one module for a noun."""

from app.routes import (
    api_keys,
    audit,
    bakeries,
    datasets,
    docs,
    feeds,
    feedstocks,
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
UNDOCUMENTED_BLUEPRINTS = (probes.blp, docs.blp)
