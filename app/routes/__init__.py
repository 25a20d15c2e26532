"""Every URL of the service."""

from app.routes import api_keys, bakeries, datasets, docs, feeds, feedstocks, probes, recipe_runs, stac, stats

# In the order of the documentation.
BLUEPRINTS = (bakeries.blp, feedstocks.blp, recipe_runs.blp, datasets.blp, stac.blp, feeds.blp, stats.blp, api_keys.blp)
UNDOCUMENTED_BLUEPRINTS = (probes.blp, docs.blp)
