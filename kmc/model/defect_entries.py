"""The entries of [defects] in a parameter file: reactions with enthalpy and entropy."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from kmc.model.entries import Finite, Sourced, Strict


class Reaction(Strict):
    """Enthalpy and entropy of a reaction at 1 bar: ln K = dS/R - dH/(R T)."""

    enthalpy_J_mol: Sourced
    entropy_J_mol_K: Sourced


class DefectSpec(Strict):
    """Reactions from which a gas sets the numbers of carriers; equations in lattices/defects/reactions.py.

    host: element whose sublattice holds the electronic carriers, with oxygen_per_host oxygen sites for each of its
    sites. electronic_sites: where electrons and holes can be: "all" sites of that sublattice, those of the "host"
    alone, or those of the "dopant". temperature_K, pO2_bar: lowest and highest value for which the constants hold.
    """

    host: str
    oxygen_per_host: Annotated[int, Field(ge=1, le=12, strict=True)]
    electronic_sites: Literal["all", "host", "dopant"]
    reduction: Reaction | None = None
    oxidation: Reaction | None = None
    disproportionation: Reaction | None = None
    hydration: Reaction | None = None
    temperature_K: tuple[Annotated[Finite, Field(gt=0)], Annotated[Finite, Field(gt=0)]] | None = None
    pO2_bar: tuple[Annotated[Finite, Field(gt=0)], Annotated[Finite, Field(gt=0)]] | None = None

    @model_validator(mode="after")
    def _complete(self) -> DefectSpec:
        electronic = [name for name in self.reactions if name != "hydration"]
        if not electronic or electronic == ["disproportionation"]:
            if "hydration" in self.reactions and not electronic:
                return self
            raise ValueError("reduction or oxidation is needed; hydration alone gives protons and vacancies")
        if len(electronic) == 3:
            raise ValueError("reduction, oxidation and disproportionation are given; any two of them give the third")
        for key, limits in (("temperature_K", self.temperature_K), ("pO2_bar", self.pO2_bar)):
            if limits and limits[0] > limits[1]:
                raise ValueError(f"{key} = {list(limits)}: the lowest and then the highest value is needed")
        return self

    @property
    def reactions(self) -> dict[str, Reaction]:
        """The reactions that are given, by name."""
        named = ("reduction", "oxidation", "disproportionation", "hydration")
        return {name: entry for name in named if (entry := getattr(self, name)) is not None}
