"""`make chaos`: inject one fault after the other and print a table of the results. Exit code 1 if any did harm.

`python -m tests.chaos fleet` runs one case.
"""

import sys
import tempfile
import traceback
from pathlib import Path

from tests.chaos import fleet, kills, upgrades, waits
from tests.support import postgres

CASES = (
    *(kills.database_killed, kills.workers_killed, kills.master_stopped, kills.handover),
    *(waits.locked_table, upgrades.upgrade_killed, upgrades.upgrade_read, waits.slow_clients, waits.disk_full),
    fleet.fleet,
)


def main(names):
    rows = []
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        Path(folder).chmod(0o755)
        with postgres.cluster(Path(folder), postgres.DURABLE) as cluster:
            for case in [case for case in CASES if not names or case.__name__ in names]:
                rows.append(row(case, cluster, Path(folder)))
                print(*rows[-1], sep="\n    ", flush=True)
    print("\n| case | result | |\n|---|---|---|")
    print("\n".join(f"| {case} | {verdict} | {result} |" for case, verdict, result in rows))
    return int(any(verdict != "ok" for _, verdict, _ in rows))


def row(case, cluster, folder):
    """Run a case. Return its description, its verdict and its figures."""
    own = folder / case.__name__
    own.mkdir()
    try:
        with postgres.database(cluster.url) as url:
            return case.__doc__, "ok", case(cluster, url, own)
    except Exception as error:
        traceback.print_exc()
        return case.__doc__, "FAILED", f"{type(error).__name__}: {error}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
