"""The memory of a server's worker, as Linux counts it."""

import re
from pathlib import Path


def worker(server):
    """The process id of the only worker of a server of `tests.support.dyno`."""
    master = server.process.pid
    [pid] = Path(f"/proc/{master}/task/{master}/children").read_text().split()
    return int(pid)


def resident(pid):
    """The resident memory of the process (RSS) and its proportional share of that (PSS), in MB."""
    found = dict(re.findall(r"^(Rss|Pss): +(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE))
    return int(found["Rss"]) / 1000, int(found["Pss"]) / 1000


def forget_peak(pid):
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def peak(pid):
    """The peak of the resident memory of the process since `forget_peak`, in MB."""
    found = re.search(r"^VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return int(found[1]) / 1000
