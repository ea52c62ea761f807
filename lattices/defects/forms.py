"""The forms of defect equilibrium that a set of constants can name. A new form is one entry of FORMS."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from lattices.defects import models, reactions
from lattices.defects.constants import ConstantSet
from lattices.defects.mass_action import FloatArray
from lattices.defects.models import Carriers
from lattices.errors import InputError


class Solve(Protocol):
    """The equations of a form."""

    def __call__(
        self,
        constants: ConstantSet,
        temperature_K: float,
        ln_pO2: FloatArray,
        pH2O_bar: float | None,
        dopant_fraction: float,
    ) -> Carriers:
        """Carriers over ln_pO2 (natural logarithm, pO2 in bar; float64, any shape)."""


@dataclass(frozen=True)
class DefectForm:
    """One set of equations.

    equation: as printed with the results. outside: carriers that the form does not include, with the reason.
    needs_water: whether pH2O and an acceptor must be given. hole_values: constants of holes that a user may add, all of
    them or none; hole_equation: the equation that they add. pair_constant: (constants, temperature_K) -> K_i =
    p n/m^2 of holes, electrons and hosts per cation, where the form has both.
    """

    equation: str
    solve: Solve
    outside: Mapping[str, str]
    needs_water: bool = False
    hole_values: tuple[str, ...] = ()
    hole_equation: str = ""
    pair_constant: Callable[[ConstantSet, float], float] | None = None

    def has_holes(self, constants: ConstantSet) -> bool:
        """Whether the constants of holes are given; InputError if only some of them are."""
        given = [key for key in self.hole_values if key in constants.values]
        if given and len(given) < len(self.hole_values):
            raise InputError(f"constants.{given[0]} is given alone: holes need {' and '.join(self.hole_values)}")
        return bool(given)

    def text(self, constants: ConstantSet) -> str:
        """The equations as printed, including those of constants that the user added."""
        return self.equation + (self.hole_equation if self.has_holes(constants) else "")


_CERIA = {
    "hole": "holes of ceria are outside this model",
    "H": "protons of ceria are outside this model",
}
FORMS: dict[str, DefectForm] = {
    "ceria-mass-action": DefectForm(
        "O_O + 2 Ce4+ = V_O + 2 Ce3+ + 1/2 O2: exp(dS/R - dH/RT) = (V_O/O_O) (Ce3+/Ce4+)^2 pO2^(1/2); "
        "2 delta = n + x; electron = n per cation site",
        models.ceria,
        _CERIA,
    ),
    "ceria-bulfin": DefectForm(
        "pO2^(1/2) = exp(dS/R - dH/RT), dH and dS functions of delta; n = 2 delta",
        models.ceria_bulfin,
        _CERIA,
    ),
    "ceria-suzuki-watanabe": DefectForm(
        "delta = (a^-8 + b^-8 + 0.5^-8)^(-1/8), a ~ pO2^(-1/4), b ~ pO2^(-1/12); n = 2 delta",
        models.ceria_suzuki_watanabe,
        _CERIA,
    ),
    "iron-perovskite": DefectForm(
        "K_ox = p^2 (3-delta)/(delta m^2 pO2^(1/2)), K_i = p n/m^2, p + n + m = 1, p - n = x - 2 delta; "
        "hole = p, electron = n per Fe site",
        models.iron_perovskite,
        {"H": "protons of the ferrite are outside this model"},
        pair_constant=models.iron_pair_constant,
    ),
    "proton-perovskite": DefectForm(
        "V_O + O_O + H2O = 2 OH_O: K = OH^2/(V_O O_O pH2O) in fractions of oxygen sites; "
        "2 V_O + OH (+ holes) = acceptors; H = OH per oxygen site, delta = vacancies only",
        models.proton_perovskite,
        {
            "electron": "electrons of the proton conductor are outside this model",
            "hole": "no hole constants are shipped: none was found in a citable source; give "
            "hole_oxidation_enthalpy_J_mol and hole_oxidation_entropy_J_mol_K in constants",
        },
        needs_water=True,
        hole_values=("hole_oxidation_enthalpy_J_mol", "hole_oxidation_entropy_J_mol_K"),
        hole_equation="; V_O + 1/2 O2 = O_O + 2 h: K = (O_O/V_O) (h/(1-h))^2 pO2^(-1/2), h per B site",
    ),
    reactions.DRY: DefectForm(reactions.EQUATION, reactions.from_reactions, reactions.OUTSIDE),
    reactions.WET: DefectForm(reactions.WET_EQUATION, reactions.from_reactions, reactions.OUTSIDE, needs_water=True),
}


def form_of(constants: ConstantSet) -> DefectForm:
    """The form that a set of constants uses; InputError if it is not registered."""
    if constants.form not in FORMS:
        raise InputError(f"form = {constants.form!r} of set {constants.name}: known forms are {', '.join(FORMS)}")
    return FORMS[constants.form]
