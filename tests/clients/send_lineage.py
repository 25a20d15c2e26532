"""Send the events of two runs with the client of OpenLineage: one that succeeds and one that fails.

The arguments are the address of the service, an API key, the path of the events, and the ids of the two runs.
"""

import sys

from openlineage.client import OpenLineageClient
from openlineage.client.event_v2 import Job, OutputDataset, Run, RunEvent, RunState
from openlineage.client.facet_v2 import (
    datasource_dataset,
    error_message_run,
    source_code_location_job,
    storage_dataset,
    tags_run,
)
from openlineage.client.transport.http import ApiKeyTokenProvider, HttpConfig, HttpTransport

address, key, path, good, bad = sys.argv[1:]
client = OpenLineageClient(
    transport=HttpTransport(HttpConfig(url=address, endpoint=path, auth=ApiKeyTokenProvider({"apiKey": key})))
)
location = source_code_location_job.SourceCodeLocationJobFacet(
    type="git",
    url="https://github.com/pangeo-forge/gpcp-feedstock/blob/main/feedstock/recipe.py",
    repoUrl="https://github.com/pangeo-forge/gpcp-feedstock",
    version="35d889f7c89e9f0d72353a0649ed1cd8da04826b",
)
job = Job(namespace="pangeo-forge", name="gpcp", facets={"sourceCodeLocation": location})
output = OutputDataset(
    namespace="https://data.org",
    name="gpcp.zarr",
    facets={
        "dataSource": datasource_dataset.DatasourceDatasetFacet(name="data.org", uri="https://data.org/gpcp.zarr"),
        "storage": storage_dataset.StorageDatasetFacet(storageLayer="s3", fileFormat="zarr"),
    },
)
error = error_message_run.ErrorMessageRunFacet(
    message="FileNotFoundError: day3.nc",
    programmingLanguage="PYTHON",
    stackTrace="Traceback (most recent call last):\n…\nFileNotFoundError: day3.nc",
)
test = tags_run.TagsRunFacet(tags=[tags_run.TagsRunFacetFields(key="is_test", value="true", source="USER")])


def emit(state, time, run, outputs=()):
    time = f"2026-03-03T02:{time}+00:00"
    event = RunEvent(
        eventType=state, eventTime=time, run=run, job=job, producer="https://example.org", outputs=list(outputs)
    )
    client.emit(event)


emit(RunState.START, "00:00.250", Run(runId=good))
emit(RunState.RUNNING, "05:00.000", Run(runId=good))
emit(RunState.COMPLETE, "30:00.000", Run(runId=good), [output])
emit(RunState.RUNNING, "05:00.000", Run(runId=good))  # late
emit(RunState.START, "00:00.000", Run(runId=bad, facets={"tags": test}))
emit(RunState.FAIL, "10:00.000", Run(runId=bad, facets={"tags": test, "errorMessage": error}))
