"""Faults of runners and bakeries, and limits of theirs."""

from app.models.failure_rules.rule import CONTRIBUTOR, LOST, MAINTAINER, OPERATOR, TIMED_OUT, Rule

_ALLOW = "Look in the bakery's configuration of the target, and give its account the right to write there."

RULES = (
    Rule(
        "memory",
        "out_of_memory",
        CONTRIBUTOR,
        "A worker needed more memory than it has.",
        "Choose smaller target_chunks, or larger workers in the configuration of the bakery.",
        (
            r"MemoryError\b",
            r"Unable to allocate [\d.]{1,20} [KMGT]?i?B",
            r"OOMKilled\b",
            r"oom-kill",
            r"Out of memory: Kill",
            r"exceeded \d{1,3}% memory budget",
            r"(?:exit (?:code|status)|returned non-zero exit status|died with .{0,20}signal|exited with) ?:?137\b",
            r"GC thrashing|java\.lang\.OutOfMemoryError",
        ),
    ),
    Rule(
        "target-denied",
        "bakery_misconfigured",
        OPERATOR,
        "The bakery may not write to its target.",
        _ALLOW,
        (
            r"does not have storage\.(?:objects|buckets)\.(?:create|delete|update)",
            r"AccessDenied.{0,100}(?:PutObject|CreateMultipartUpload|DeleteObject) operation",
            r"An error occurred \((?:AccessDenied|403)\) when calling the (?:Put|Create|Upload|Delete)\w{1,30}",
        ),
    ),
    Rule(
        "account-missing",
        "bakery_misconfigured",
        OPERATOR,
        "The bakery has no credentials for its cloud provider.",
        "Give the bakery's workers a service account or credentials.",
        (
            r"DefaultCredentialsError",
            r"NoCredentialsError: Unable to locate credentials",
            r"Could not automatically determine credentials",
        ),
    ),
    Rule(
        "quota",
        "bakery_misconfigured",
        OPERATOR,
        "The bakery has used up a quota of its cloud provider, or its budget.",
        "Ask the provider for more, or use fewer or smaller workers.",
        (
            r"[Qq]uota '?\w{0,100}'? ?(?:was )?exceeded",
            r"QUOTA_EXCEEDED|ZONE_RESOURCE_POOL_EXHAUSTED",
            r"billing (?:account|to be enabled)",
        ),
    ),
    Rule(
        "runner-misconfigured",
        "bakery_misconfigured",
        OPERATOR,
        "The runner refuses its configuration: {reason}.",
        "Correct the bakery's configuration of pangeo-forge-runner.",
        (
            r"(?P<reason>job_name must match the regex.{1,200})",
            r"(?P<reason>Could not read config from file \S{1,200}?)\.? Make sure",
            r"TraitError: (?P<reason>The '?\w{1,50}'? trait.{1,200})",
            r"(?P<reason>(?:DataflowBakery|FlinkOperatorBakery)\.\w{1,50} must be .{1,100})",
            r"(?P<reason>kubectl is required for FlinkBakery to work)",
            r"(?P<reason>'container_name' is required when using the 'FlinkOperatorBakery')",
            r"(?:error|CRITICAL).{0,40}(?P<reason>unrecognized arguments: .{1,100}|Bad config encountered.{0,100})",
        ),
    ),
    Rule(
        "beam-unreachable",
        "bakery_misconfigured",
        OPERATOR,
        "The programs of Beam could not reach each other ({reason}).",
        "Check the address of Beam's job server, and the network between it and the workers.",
        (r"(?P<reason>failed to connect to all addresses)", r"grpc.{0,300}(?P<reason>Connection refused)"),
    ),
    Rule(
        "workers-do-not-start",
        "bakery_misconfigured",
        OPERATOR,
        "The workers of Beam did not start: they took no work for more than 300 seconds.",
        "Look into the workers' own logs; often their image or the network between them is wrong.",
        (r"Detected input queue delay longer than \d{1,6} seconds",),
    ),
    Rule(
        "run-took-too-long",
        TIMED_OUT,
        MAINTAINER,
        "The run was ended because it took too long.",
        "Split the recipe, use more or larger workers, or ask the operator for a longer limit.",
        (
            r"has exceeded the maximum execution time of \d{1,6} minutes",
            r"DUE TO TIME LIMIT",
            r"Job (?:was )?(?:cancelled|terminated|killed).{0,100}(?:time limit|timeout|max(?:imum)? duration)",
        ),
    ),
    Rule(
        "worker-lost",
        LOST,
        OPERATOR,
        "The runner lost its workers ({reason}).",
        "Run the recipe again. If it happens again, look into the workers' own logs: they often lack memory.",
        (
            r"(?P<reason>[Tt]he worker lost contact with the service)",
            r"(?P<reason>KilledWorker)",
            r"(?P<reason>[Ww]orker (?:was )?preempted|[Nn]ode (?:was )?preempted)",
            r"(?P<reason>The runner has received a shutdown signal)",
            r"(?P<reason>lost communication with the server)",
        ),
    ),
)
