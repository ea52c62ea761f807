"""lattice_mc: vacancy gas on a cubic lattice. Arguments: edge in sites, vacancy fraction, seconds."""

import random
import sys
from time import process_time

from common import report

edge, fraction, seconds = int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])
started = process_time()

import numpy as np  # noqa: E402
from lattice_mc import init_lattice, lookup_table, simulation, species  # noqa: E402, F401

random.seed(1)
np.random.seed(1)  # noqa: NPY002  # the generator that lattice_mc uses
run = simulation.Simulation()
run.lattice = init_lattice.cubic_lattice(edge, edge, edge, 1.0)
run.set_number_of_atoms(round(edge**3 * (1.0 - fraction)))
ready = process_time()
jumps = 0
while process_time() - ready < seconds:
    run.lattice.jump()
    jumps += 1
report(jumps, process_time() - ready, ready - started)
