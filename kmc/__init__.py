"""Kinetic Monte Carlo of mixed ionic-electronic conductors: the front door::

    import kmc

    system = kmc.System.build("gdc-chgnet-preview", repeats=(6, 6, 6), temperature_K=1200.0, doping={"Gd": 0.10},
                              vacancies="charge-balance")
    run = kmc.simulate(system, "quickstart", duration=kmc.Hops(100))
    print(run.results.tracer("O"), run.results.ionic_conductivity)

Everything in `__all__` is loaded on first use. The packages behind it (kmc.tables, analysis.transport, ...) can be
imported directly where more is needed; docs/architecture.md describes them.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from kmc.version import VERSION as __version__

if TYPE_CHECKING:
    from analysis.statistics.estimates import Estimate, Unavailable
    from kmc.backends import available_backends
    from kmc.model.parameters import Model, load_model
    from kmc.run.settings import Hops, Precision, Seconds
    from lattices.crystal import Crystal, Supercell
    from lattices.defects.equilibrium import solve_equilibrium as equilibrium
    from lattices.errors import InputError
    from lattices.from_atoms import crystal_from_atoms, crystal_from_file
    from lattices.prototypes import fluorite, perovskite
    from runs.session.results import Results
    from runs.session.run import Run, open_run
    from runs.session.simulate import simulate
    from runs.session.study import Study, open_study, run_study
    from runs.session.system import System

__all__ = [
    "Crystal",
    "Estimate",
    "Hops",
    "InputError",
    "Model",
    "Precision",
    "Results",
    "Run",
    "Seconds",
    "Study",
    "Supercell",
    "System",
    "Unavailable",
    "__version__",
    "available_backends",
    "crystal_from_atoms",
    "crystal_from_file",
    "equilibrium",
    "fluorite",
    "load_model",
    "open_run",
    "open_study",
    "perovskite",
    "run_study",
    "simulate",
]

_HOMES = {
    "Crystal": "lattices.crystal",
    "Estimate": "analysis.statistics.estimates",
    "Hops": "kmc.run.settings",
    "InputError": "lattices.errors",
    "Model": "kmc.model.parameters",
    "Precision": "kmc.run.settings",
    "Results": "runs.session.results",
    "Run": "runs.session.run",
    "Seconds": "kmc.run.settings",
    "Study": "runs.session.study",
    "Supercell": "lattices.crystal",
    "System": "runs.session.system",
    "Unavailable": "analysis.statistics.estimates",
    "available_backends": "kmc.backends",
    "crystal_from_atoms": "lattices.from_atoms",
    "crystal_from_file": "lattices.from_atoms",
    "equilibrium": "lattices.defects.equilibrium:solve_equilibrium",
    "fluorite": "lattices.prototypes",
    "load_model": "kmc.model.parameters",
    "open_run": "runs.session.run",
    "open_study": "runs.session.study",
    "perovskite": "lattices.prototypes",
    "run_study": "runs.session.study",
    "simulate": "runs.session.simulate",
}


def __getattr__(name: str) -> Any:
    """Load a public name on first use."""
    if name not in _HOMES:
        raise AttributeError(f"module 'kmc' has no attribute {name!r}; public names are in kmc.__all__")
    from kmc.shadowing import shadowing_problem

    if problem := shadowing_problem():
        raise ImportError(problem)
    module, _, alias = _HOMES[name].partition(":")
    found = getattr(importlib.import_module(module), alias or name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """The public names."""
    return __all__
