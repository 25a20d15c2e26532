"""Runs the package `program`. In isolated mode Python finds modules beside this file, and no others of the service.

`python -I app/repr SECONDS` reads a request from standard input, see `program.__main__`.
"""

import runpy

if __name__ == "__main__":
    runpy.run_module("program", run_name="__main__", alter_sys=True)
