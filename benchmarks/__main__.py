"""`make bench`: measure, print, and write the numbers into docs/performance.md."""

import argparse

from benchmarks import growth, ratios, report
from tests.support import postgres


def main():
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("part", nargs="?", choices=["ratios", "growth"], help="both by default")
    parser.add_argument("--rounds", type=int, default=28, help="how often the floor and the service take turns")
    parser.add_argument("--seconds", type=float, default=0.5, help="how long each is measured in a round")
    options = parser.parse_args()
    with postgres.server() as server:
        if options.part != "growth":
            report.write("ratios", ratios.measure(server, options.rounds, options.seconds))
        if options.part != "ratios":
            report.write("growth", growth.measure(server))


if __name__ == "__main__":
    main()
