"""`make bench`: measure, print, and write the numbers into docs/contributing/performance.md."""

import argparse
from pathlib import Path

from benchmarks import growth, ratios, report
from tests.support import postgres


def main():
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("part", nargs="?", choices=["ratios", "growth"], help="both by default")
    parser.add_argument("--rounds", type=int, default=28, help="how often each server is measured")
    parser.add_argument("--seconds", type=float, default=0.5, help="how long each server is measured in a round")
    parser.add_argument("--beside", type=Path, metavar="CHECKOUT", help="also measure the service of that checkout")
    options = parser.parse_args()
    beside = options.beside and options.beside.resolve(strict=True)
    with postgres.server() as server:
        if options.part != "growth":
            report.write("ratios", ratios.measure(server, options.rounds, options.seconds, beside))
        if options.part != "ratios":
            report.write("growth", growth.measure(server))


if __name__ == "__main__":
    main()
