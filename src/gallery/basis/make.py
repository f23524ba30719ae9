#!/usr/bin/env python3
"""Makes ../basis.bin: the principal components that the PhotoDNA-class index projects on, as integers.

usage: make.py SIGNATURES.bin     (signatures of real pictures, 144 bytes each; needs numpy)

Output, little endian: 15 rows of 144 i16, each a principal component times 16,384, rounded; then 16 i32,
the mean of the 15 coordinates and of the residual length, in steps of the quantiser (8), times 1,024.
Search is exact whatever these numbers are (see index.rs for the proof); they only decide how much is left over
for the exact comparison.
"""
import pathlib
import sys

import numpy

ROWS, SCALE, STEP, FRACTION = 15, 1 << 14, 8.0, 1 << 10

signatures = numpy.fromfile(sys.argv[1], dtype=numpy.uint8).reshape(-1, 144).astype(numpy.float64)
centred = signatures - signatures.mean(axis=0)
values, vectors = numpy.linalg.eigh(centred.T @ centred)
components = vectors[:, numpy.argsort(-values)[:ROWS]].T
# A component's sign is free: the largest entry is made positive, so that every run gives the same table.
largest = numpy.abs(components).argmax(axis=1)
components *= numpy.sign(components[numpy.arange(ROWS), largest])[:, None]
basis = numpy.rint(components * SCALE).astype("<i2")

unit = basis.astype(numpy.float64)
norm = numpy.abs(unit @ unit.T).sum(axis=1).max()
coordinates = signatures @ unit.T / numpy.sqrt(norm)
residual = numpy.sqrt((signatures**2).sum(axis=1) - (coordinates**2).sum(axis=1))
mean = numpy.append(coordinates.mean(axis=0), residual.mean()) / STEP
centre = numpy.rint(mean * FRACTION).astype("<i4")

target = pathlib.Path(__file__).parent.parent / "basis.bin"
target.write_bytes(basis.tobytes() + centre.tobytes())
print(f"{target}: largest eigenvalue is at most {norm:.0f}, {norm / SCALE**2:.6f} of {SCALE}²")
