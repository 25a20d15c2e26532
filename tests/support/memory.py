"""The memory of a server's worker, as Linux counts it."""

import re
from pathlib import Path


def worker(server):
    """The process id of the only worker of a server that `tests.support.dyno` runs."""
    master = server.process.pid
    [pid] = Path(f"/proc/{master}/task/{master}/children").read_text().split()
    return int(pid)


def resident(pid):
    """What the process has in memory (RSS), and its share of that if others have it too (PSS), in MB."""
    found = dict(re.findall(r"^(Rss|Pss): +(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE))
    return int(found["Rss"]) / 1000, int(found["Pss"]) / 1000


def forget_peak(pid):
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def peak(pid):
    """The most the process has had in memory since `forget_peak`, in MB."""
    found = re.search(r"^VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return int(found[1]) / 1000
