"""results.json as a mapping, with its estimates by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

from analysis.results import Entry
from analysis.statistics.estimates import Estimate, Unavailable, from_json
from lattices.errors import InputError

UNITS = {  # ending of a key -> unit
    "_m2_s": "m2/s",
    "_S_m": "S/m",
    "_eV": "eV",
    "_1_per_J_m_s": "1/(J m s)",
    "_m_s": "m/s",
    "_m3": "1/m3",
}


class Results(Mapping[str, Any]):
    """Results of a run: the content of results.json as a mapping, and its estimates with value, error and unit.

    An estimate that the run cannot give is `Unavailable` and states the reason. For a run at several temperatures,
    `results.at(1000.0)` selects one.
    """

    def __init__(self, content: Mapping[str, Any]) -> None:
        self._content = content

    def __getitem__(self, key: str) -> Any:
        """An entry of results.json."""
        return self._content[key]

    def __iter__(self) -> Iterator[str]:
        """Keys of results.json."""
        return iter(self._content)

    def __len__(self) -> int:
        """Number of keys."""
        return len(self._content)

    def __repr__(self) -> str:
        return f"Results({', '.join(self._content)})"

    @property
    def temperatures_K(self) -> list[float]:
        """The temperatures in K."""
        if "runs" in self._content:
            return [float(run["temperature_K"]) for run in self._content["runs"]]
        return [float(self._content["temperature_K"])]

    def at(self, temperature_K: float) -> Results:
        """The results of one temperature; InputError for another one."""
        for run in self._runs():
            if run["temperature_K"] == temperature_K:
                return Results(run)
        known = ", ".join(f"{t:g}" for t in self.temperatures_K)
        raise InputError(f"no results at {temperature_K:g} K; the temperatures are {known} K")

    @property
    def warnings(self) -> list[str]:
        """All warnings of the run; with several temperatures each begins with its own."""
        if "runs" not in self._content:
            return list(self._content["warnings"])
        return [f"{run['temperature_K']:g} K: {line}" for run in self._runs() for line in run["warnings"]]

    @property
    def species(self) -> list[str]:
        """Mobile species of the run."""
        return list(self._runs()[0]["species"])

    def tracer(self, species: str) -> Estimate | Unavailable:
        """Tracer diffusivity D* in m2/s."""
        return self._of_species(species, "tracer_diffusivity_m2_s")

    def collective(self, species: str) -> Estimate | Unavailable:
        """Collective (charge) diffusivity D_sigma in m2/s."""
        return self._of_species(species, "collective_diffusivity_m2_s")

    def haven_ratio(self, species: str) -> Estimate | Unavailable:
        """H_R = D*/D_sigma."""
        return self._of_species(species, "haven_ratio")

    def correlation_factor(self, species: str) -> Estimate | Unavailable:
        """Tracer correlation factor f."""
        return self._of_species(species, "correlation_factor")

    @property
    def ionic_conductivity(self) -> Estimate | Unavailable:
        """sigma_ion in S/m."""
        return self.estimate("ionic_conductivity_S_m")

    @property
    def electronic_conductivity(self) -> Estimate | Unavailable:
        """sigma_e in S/m."""
        return self.estimate("electronic_conductivity_S_m")

    @property
    def total_conductivity(self) -> Estimate | Unavailable:
        """sigma_ion + sigma_e in S/m."""
        return self.estimate("total_conductivity_S_m")

    @property
    def ambipolar_conductivity(self) -> Estimate | Unavailable:
        """sigma_amb in S/m, from the diagonal parts."""
        return self.estimate("ambipolar_conductivity_S_m")

    @property
    def ionic_transference_number(self) -> Estimate | Unavailable:
        """t_ion."""
        return self.estimate("ionic_transference_number")

    @property
    def electronic_transference_number(self) -> Estimate | Unavailable:
        """t_e."""
        return self.estimate("electronic_transference_number")

    @property
    def thermodynamic_factor(self) -> Estimate | Unavailable:
        """Theta of oxygen (of the neutral component)."""
        return self.estimate("thermodynamic_factor_O")

    def chemical_diffusivity(self, route: str) -> Estimate | Unavailable:
        """D~ in m2/s by one route, a key of results["chemical_diffusivity_m2_s"]."""
        return self.estimate(f"chemical_diffusivity_m2_s.{route}")

    def activation_energy(self, name: str) -> Estimate | Unavailable:
        """Activation energy in eV of a key of results["arrhenius"], such as "species.O.tracer_diffusivity_m2_s"."""
        known = self._content.get("arrhenius")
        if known is None or name not in known:
            raise InputError(f"no Arrhenius fit of {name!r}; fits: {', '.join(known or ()) or 'none'}")
        return from_json(known[name]["activation_energy_eV"], "eV")

    def estimate(self, name: str) -> Estimate | Unavailable:
        """An estimate by its dotted name, such as "onsager.matrix_1_per_J_m_s"; InputError for an unknown one.

        Entries that hold a matrix are found by `results[...]`.
        """
        entry: Any = self._one()
        parts = name.split(".")
        for part in parts:
            if not isinstance(entry, Mapping) or part not in entry:
                raise InputError(f"results hold no {name!r}; at {part!r} the keys are {', '.join(_keys(entry))}")
            entry = entry[part]
        if not isinstance(entry, Mapping) or "value" not in entry or isinstance(entry["value"], list):
            raise InputError(f"{name!r} is no single estimate; its keys are {', '.join(_keys(entry))}")
        return from_json(cast(Entry, entry), next((_unit(part) for part in reversed(parts) if _unit(part)), ""))

    def _runs(self) -> list[Mapping[str, Any]]:
        """The results of each temperature."""
        return list(self._content.get("runs", [self._content]))

    def _of_species(self, species: str, key: str) -> Estimate | Unavailable:
        if species not in self._one()["species"]:
            raise InputError(f"no mobile species {species!r}; the run has {', '.join(self.species)}")
        return self.estimate(f"species.{species}.{key}")

    def _one(self) -> Mapping[str, Any]:
        """The results of the one temperature."""
        if "runs" in self._content:
            known = ", ".join(f"{t:g}" for t in self.temperatures_K)
            raise InputError(f"the run has several temperatures ({known} K): take results.at(temperature_K)")
        return self._content


def _keys(entry: Any) -> list[str]:
    return list(entry) if isinstance(entry, Mapping) else ["none"]


def _unit(key: str) -> str:
    """The unit that a key ends with, or ""."""
    return next((unit for ending, unit in UNITS.items() if key.endswith(ending)), "")
