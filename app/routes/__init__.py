"""Every URL of the service."""

from app.routes import api_keys, audit, bakeries, docs, feedstocks, metrics, probes, recipe_runs, stats

# In the order of the documentation.
BLUEPRINTS = (bakeries.blp, feedstocks.blp, recipe_runs.blp, stats.blp, api_keys.blp, audit.blp)
UNDOCUMENTED_BLUEPRINTS = (probes.blp, metrics.blp, docs.blp)
