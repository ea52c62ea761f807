"""kMCpy: vacancy gas on a simple cubic lattice, constant rate. Arguments: edge, vacancy fraction, seconds."""

import logging
import sys
from time import process_time

from common import report

edge, fraction, seconds = int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])
logging.disable(logging.CRITICAL)
started = process_time()

import numpy as np  # noqa: E402
from kmcpy.event import Event, EventLib  # noqa: E402
from kmcpy.event.hop import event_direction  # noqa: E402
from kmcpy.models.base import BaseModel  # noqa: E402
from kmcpy.simulator.config import Configuration, RuntimeConfig, SystemConfig  # noqa: E402
from kmcpy.simulator.kmc import KMC  # noqa: E402
from kmcpy.simulator.state import State  # noqa: E402


class ConstantRate(BaseModel):
    """Every hop of an ion into a vacancy has rate 1."""

    def compute_probability(self, event, runtime_config, simulation_state):
        """1 where one end of the bond holds an ion and the other a vacancy."""
        return float(event_direction(simulation_state.occupations, event) != 0)

    def as_dict(self):
        """Not used; the base class asks for it."""
        return {}

    @classmethod
    def from_dict(cls, _):
        """Not used; the base class asks for it."""
        return cls()


sites = np.arange(edge**3).reshape(edge, edge, edge)
events = EventLib()
for axis in range(3):
    for start, end in zip(sites.ravel().tolist(), np.roll(sites, -1, axis).ravel().tolist(), strict=True):
        events.add_event(Event(mobile_ion_indices=(start, end), local_env_indices=()))
events.generate_event_dependencies()
rng = np.random.default_rng(1)
occupations = np.ones(edge**3, dtype=int)
occupations[rng.choice(edge**3, round(fraction * edge**3), replace=False)] = 0
config = Configuration(SystemConfig(mobile_ion_specie="O"), RuntimeConfig(random_seed=1))
run = KMC(None, ConstantRate(), events, config, State(occupations.tolist()))
run.rng = rng
event, dt = run.propose(events.events)
run.update(event, dt)  # compiles
ready = process_time()
hops = 0
while process_time() - ready < seconds:
    event, dt = run.propose(events.events)
    run.update(event, dt)
    hops += 1
report(hops, process_time() - ready, ready - started)
