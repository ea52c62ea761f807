"""The shape of results.json.

Every estimate is an `Entry`; an unavailable one has the value null and a reason. Keys name the unit of their values.
The parts on thermodynamics and chemical diffusion are described in analysis/thermodynamics/records.py.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NotRequired, TypeAlias, TypedDict, final

from lattices.errors import InputError

JsonObject: TypeAlias = Mapping[str, Any]  # a part of results.json whose shape is described elsewhere
Matrix: TypeAlias = list[list[float]]

OF_VACANCIES = "of the vacancies themselves; the Haven ratio of the literature is that of the ions"
SpeciesKey = Literal["tracer_diffusivity_m2_s", "collective_diffusivity_m2_s", "correlation_factor", "haven_ratio"]
SPECIES_KEYS: tuple[SpeciesKey, ...] = (
    "tracer_diffusivity_m2_s",
    "collective_diffusivity_m2_s",
    "correlation_factor",
    "haven_ratio",
)
TransportKey = Literal[
    "ionic_conductivity_S_m",
    "electronic_conductivity_S_m",
    "total_conductivity_S_m",
    "ionic_transference_number",
    "electronic_transference_number",
    "ambipolar_conductivity_S_m",
    "ambipolar_onsager_conductivity_S_m",
]


class Entry(TypedDict):
    """An estimate, or the reason why there is none.

    mode: of the electronic carriers, where the run combines several. tensor: in Cartesian axes. principal_values:
    rising, where the crystal is not cubic; the value is then a mean over directions. ..._half_width_95: half of the
    95 % interval of each element, with the degrees of freedom of the value. by_window: values at the lengths of a
    visit from which the estimate was extrapolated.
    """

    value: float | None
    stderr: float | None
    interval_95: NotRequired[list[float]]
    dof: NotRequired[float]
    formula: NotRequired[str]
    reason: NotRequired[str]
    note: NotRequired[str]
    mode: NotRequired[str]
    tensor: NotRequired[Matrix]
    tensor_stderr: NotRequired[Matrix]
    tensor_half_width_95: NotRequired[Matrix]
    principal_values: NotRequired[list[float]]
    principal_values_stderr: NotRequired[list[float]]
    principal_values_half_width_95: NotRequired[list[float]]
    by_window: NotRequired[list[float]]


class ListEntry(TypedDict):
    """A list of estimates, those that are unavailable being null. half_width_95: half of the 95 % interval of each."""

    value: list[float | None] | None
    stderr: list[float | None] | None
    half_width_95: NotRequired[list[float | None]]
    dof: NotRequired[int]
    formula: NotRequired[str]
    reason: NotRequired[str]


class MatrixEntry(TypedDict):
    """A matrix of estimates; unknown entries are null.

    half_width_95: half of the 95 % interval of each entry. dof: degrees of freedom of the errors, by entry where the
    run combines several; null where the error is taken to be known.
    """

    value: list[list[float | None]] | None
    stderr: list[list[float | None]] | None
    half_width_95: NotRequired[list[list[float | None]]]
    dof: NotRequired[float | list[list[float | None]]]
    formula: NotRequired[str]
    reason: NotRequired[str]


class TensorEntry(TypedDict):
    """C x C blocks of 3 x 3 tensors in Cartesian axes. half_width_95: half of the 95 % interval of each element."""

    value: list[list[Matrix]]
    stderr: list[list[Matrix]]
    half_width_95: NotRequired[list[list[Matrix]]]
    dof: NotRequired[float]


class FitResults(TypedDict):
    """The lags to which the slope of a mean-square displacement was fitted.

    lags_s: the shortest and the longest. chosen_from: the data, or the range that the user gave. local_exponent:
    d ln MSD/d ln t in the first octave of the fit. diffusive: False where the estimate is a bound. unseen_decrease:
    the largest relative decrease of the slope, by a relaxation over up to longest_relaxation_s, that the data do not
    exclude (upper end of a 95 % interval); null where the fit has too few lags to tell.
    """

    lags_s: list[float]
    chosen_from: Literal["data", "fit_range"]
    local_exponent: Entry
    diffusive: bool
    unseen_decrease: float | None
    longest_relaxation_s: float


class SpeciesResults(TypedDict):
    """A mobile species; a fit is left out where there is none."""

    charge_e: int
    kind: str
    number_density_m3: float
    tracer_diffusivity_m2_s: Entry
    collective_diffusivity_m2_s: Entry
    correlation_factor: Entry
    haven_ratio: Entry
    tracer_fit: NotRequired[FitResults]
    collective_fit: NotRequired[FitResults]


class OnsagerResults(TypedDict):
    """The matrix L of the independent carriers; species is null where it is unavailable.

    uncoupled: pairs of carriers whose cross term is zero; sampled_matrix_1_per_J_m_s: with it as it was sampled.
    given: where the coefficient of the electronic carrier, the last one, is from, if the run file gives it.
    """

    species: list[str] | None
    matrix_1_per_J_m_s: MatrixEntry
    tensor_1_per_J_m_s: NotRequired[TensorEntry]
    charge_moved_e: NotRequired[list[float]]
    uncoupled: NotRequired[list[list[str]]]
    sampled_matrix_1_per_J_m_s: NotRequired[MatrixEntry]
    given: NotRequired[str]
    mode: NotRequired[str]


class TransportResults(TypedDict):
    """Conductivities and transference numbers."""

    ionic_conductivity_S_m: Entry
    electronic_conductivity_S_m: Entry
    total_conductivity_S_m: Entry
    ionic_transference_number: Entry
    electronic_transference_number: Entry
    ambipolar_conductivity_S_m: Entry
    ambipolar_onsager_conductivity_S_m: Entry


class DriftResults(TypedDict):
    """Drift in a field; velocities by carrier."""

    drift_conductivity_S_m: Entry
    drift_velocity_m_s: dict[str, Entry]
    field_applied_V_per_m: list[float]


class FamilyResults(TypedDict):
    """Trial and accepted hops of a family. mode: where the run combines several."""

    trials: int
    accepted: int
    acceptance: float | None
    mode: NotRequired[str]


class HopResults(TypedDict):
    """Hops by family, and how long they took."""

    families: dict[str, FamilyResults]
    wall_s: float
    accepted_per_s: float | None


class ProfileSpecies(TypedDict):
    """Values of a species by bin."""

    site_fraction: ListEntry
    local_tracer_diffusivity_m2_s: NotRequired[ListEntry]


class ProfileResults(TypedDict):
    """Values along an axis. position_angstrom: middle of each bin."""

    axis: int
    position_angstrom: list[float]
    species: dict[str, ProfileSpecies]


class ModeResults(TypedDict):
    """The contribution of each part of a run in mode "auto"."""

    hops: HopResults
    elapsed_time_s: float | None


class Header(TypedDict):
    """What was run. profile, scale_check and modes: parts that only some runs have.

    fit_range: lags of all fits as fractions of the run, where the user gave them. composition: particles per replica.
    """

    temperature_K: float
    model: str
    version: str | None
    seed: int
    composition: dict[str, int]
    backend: str
    elapsed_time_s: float | None
    replicas: int
    hops_per_visit: float | list[float] | None
    polaron_mode: str
    coupled_groups: list[list[str]]
    errors_from: str | None
    fit_range: list[float] | None
    profile: NotRequired[ProfileResults]
    scale_check: NotRequired[Entry | dict[str, dict[SpeciesKey, Entry]]]
    modes: NotRequired[dict[str, ModeResults]]
    short_range_order: NotRequired[list[JsonObject]]


class ChemicalResults(TypedDict):
    """Thermodynamic factors, and D~ by route."""

    thermodynamic_factor_O: Entry
    thermodynamic_factor_V: Entry
    chemical_diffusivity_m2_s: dict[str, Entry]
    chemical_diffusivity_matrix_m2_s: NotRequired[JsonObject]
    thermodynamics: NotRequired[JsonObject]
    chemical_diffusion: NotRequired[JsonObject]


@final
class RunResults(Header, TransportResults, DriftResults, ChemicalResults):
    """One run at one temperature."""

    species: dict[str, SpeciesResults]
    onsager: OnsagerResults
    hops: HopResults
    notes: list[str]
    warnings: list[str]
    advice: NotRequired[list[str]]


class ArrheniusResults(TypedDict):
    """A fit over the temperatures; prefactor in the unit of the quantity, of sigma T in S K/m."""

    activation_energy_eV: Entry
    prefactor: NotRequired[Entry]
    chi2_per_dof: NotRequired[float | None]


@final
class TemperatureResults(TypedDict):
    """A list of temperatures. arrhenius: by the dotted key of the quantity."""

    temperatures_K: list[float]
    folders: list[str]
    arrhenius: dict[str, ArrheniusResults]
    runs: list[RunResults]


FolderResults: TypeAlias = RunResults | TemperatureResults


def runs_of(results: FolderResults) -> list[RunResults]:
    """The runs by temperature; the run itself where there is one."""
    if "runs" in results:
        return results["runs"]
    return [results]


def load_results(path: Path, remedy: str = "run kmc analyze again") -> dict[str, Any]:
    """The content of a results.json; InputError, which ends with the remedy, where it cannot be read."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}; {remedy}") from error
    except ValueError as error:  # of JSON or of UTF-8
        raise InputError(f"{path}: damaged ({error}); {remedy}") from error
    if not isinstance(found, dict):
        raise InputError(f"{path}: damaged (no table of results); {remedy}")
    return found
