"""Imports what the program that opens datasets imports for every dataset. See `tests.support.forked`.

PyArrow is not among it: it starts threads, which do not survive a fork, and uses address space that the program limits.
"""

from app.repr.program import __main__ as program
from app.repr.program import inspection

inspection.load("zarr")

main = program.main
