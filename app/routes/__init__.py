"""Every URL of the service."""

from app.routes import api_keys, bakeries, datasets, docs, feedstocks, probes, recipe_runs, stats

# In the order of the documentation.
BLUEPRINTS = (bakeries.blp, feedstocks.blp, recipe_runs.blp, datasets.blp, stats.blp, api_keys.blp)
UNDOCUMENTED_BLUEPRINTS = (probes.blp, docs.blp)
