"""`make bench`: measure, print, and write the numbers into docs/performance.md."""

import argparse

from benchmarks import ratios, report
from tests import postgres


def main():
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="how often the floor and the service take turns")
    parser.add_argument("--seconds", type=float, default=2, help="how long each is measured in a round")
    options = parser.parse_args()
    with postgres.server() as server:
        report.write("ratios", ratios.measure(server, options.rounds, options.seconds))


if __name__ == "__main__":
    main()
