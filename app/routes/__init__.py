"""The URLs of the API: one module for a noun."""

from app.routes import (
    api_keys,
    audit,
    bakeries,
    bakery_secrets,
    dataset_descriptions,
    datasets,
    docs,
    feeds,
    feedstock_metadata,
    feedstocks,
    github_hooks,
    intake,
    probes,
    recipe_runs,
    reports,
    repr,
    run_logs,
    stac,
    stats,
)

# In the order of the documentation.
BLUEPRINTS = (
    *(
        datasets.blp,
        recipe_runs.blp,
        run_logs.blp,
        dataset_descriptions.blp,
        feedstocks.blp,
        feedstock_metadata.blp,
        bakeries.blp,
        reports.blp,
        bakery_secrets.blp,
        github_hooks.blp,
        stats.blp,
        repr.blp,
    ),
    *(stac.blp, intake.blp, feeds.blp, api_keys.blp, audit.blp),
)
UNDOCUMENTED_BLUEPRINTS = (probes.blp, docs.blp)
