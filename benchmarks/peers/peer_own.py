"""This project, one replica, every ion tracked. Arguments: edge in sites (even), vacancy fraction, seconds."""

import os
import sys
from time import process_time

from common import report

edge, fraction, seconds = int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])
os.environ["OMP_NUM_THREADS"] = "1"
started = process_time()

import numpy as np  # noqa: E402

import kmc  # noqa: E402
from kmc.backends import make_walker  # noqa: E402

system = kmc.System.build(
    "ideal-fluorite",
    repeats=(edge // 2,) * 3,
    temperature_K=1000.0,
    vacancies={"fraction": fraction},
    replicas=1,
    **{"crystal.allow_net_charge": True},
)
(engine,) = system.engine_systems
walker = make_walker("cpu", engine, engine.initial_state())
ready = process_time()
trials = np.full(1, 200_000, dtype=np.int64)
while process_time() - ready < seconds:
    walker.advance(trials)
report(int(walker.counters()[1].sum()), process_time() - ready, ready - started)
