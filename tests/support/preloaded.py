"""Imports what the program that opens datasets imports for every dataset. See `tests.support.forked`.

PyArrow is not among it: it starts threads, which do not survive a fork, and uses address space that the program limits.
"""

import xarray

from app.repr.program import __main__ as program
from app.repr.program import inspection

inspection.load("zarr")
# The program does the same before it becomes another user. It takes most of the time of a small dataset.
xarray.decode_cf(xarray.Dataset({"time": ("time", [0], {"units": "days since 2000-01-01"})}))._repr_html_()

main = program.main
