"""Calculators by name, with the identity that goes into the provenance of every number."""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING

from lattices.errors import InputError

if TYPE_CHECKING:
    from ase.calculators.calculator import Calculator

EXTRAS = {"chgnet": ("chgnet", "chgnet"), "sevennet": ("sevenn", "sevennet")}  # name -> (module, extra of this package)
SEVENNET_MODELS = {"": "7net-0", "0": "7net-0", "l3i5": "7net-l3i5", "mf-0": "7net-mf-0"}
CHGNET_MODELS = {"": "0.3.0", "0.3.0": "0.3.0", "r2scan": "r2scan"}
NAMES = "emt, lj, chgnet[:r2scan], sevennet[:l3i5|:mf-0], or module:factory"


@dataclass(frozen=True)
class CalculatorSpec:
    """A calculator that can be built in any process. arguments: keywords and values for its factory."""

    name: str
    arguments: tuple[tuple[str, str | int | float | bool], ...] = ()

    @property
    def kind(self) -> str:
        """The part of the name in front of the colon."""
        return self.name.partition(":")[0]

    @property
    def variant(self) -> str:
        """The part behind the colon."""
        return self.name.partition(":")[2]

    def identity(self) -> str:
        """Name, version and arguments, for provenance: two calculators with the same identity give the same energies.

        InputError for an unknown name or a package that is not installed.
        """
        options = ", ".join(f"{key} = {value!r}" for key, value in sorted(self.arguments))
        return self._name_and_version() + (f" ({options})" if options else "")

    def _name_and_version(self) -> str:
        ase = f"ASE {metadata.version('ase')}"
        if self.name == "emt":
            return f"EMT of {ase}"
        if self.name == "lj":
            return f"Lennard-Jones of {ase}"
        if self.kind in EXTRAS:
            module, extra = EXTRAS[self.kind]
            try:
                version = metadata.version(module)
            except metadata.PackageNotFoundError as error:
                raise InputError(
                    f"--calculator {self.name}: the package {module} is not installed; pip install "
                    f"'miec-kmc[{extra}]' installs it with its weights"
                ) from error
            models = CHGNET_MODELS if self.kind == "chgnet" else SEVENNET_MODELS
            model = _choose(self.name, self.variant, models)
            title = f"CHGNet {model}" if self.kind == "chgnet" else f"SevenNet {model}"
            return f"{title} ({module} {version}) through {ase}"
        if not self.variant:
            raise InputError(f"--calculator {self.name!r}: {NAMES} are allowed")
        package = self.kind.partition(".")[0]
        try:
            version = f" {metadata.version(package)}"
        except metadata.PackageNotFoundError:
            version = ""
        return f"{self.name}{version} through {ase}"

    def build(self) -> Calculator:
        """A new calculator. InputError for arguments that it refuses."""
        try:
            return self._build()
        except (TypeError, ValueError, ImportError, AttributeError) as error:
            raise InputError(f"--calculator {self.name}: cannot be built: {error}") from error

    def _build(self) -> Calculator:
        options = dict(self.arguments)
        if self.name == "emt":
            from ase.calculators.emt import EMT

            return EMT(**options)
        if self.name == "lj":
            from ase.calculators.lj import LennardJones

            return LennardJones(**options)
        if self.kind in EXTRAS:
            _threads()
        if self.kind == "chgnet":
            module = importlib.import_module("chgnet.model")
            model = module.CHGNet.load(model_name=CHGNET_MODELS[self.variant], verbose=False, use_device="cpu")
            return importlib.import_module("chgnet.model.dynamics").CHGNetCalculator(
                model, **{"use_device": "cpu", **options}
            )
        if self.kind == "sevennet":
            factory = importlib.import_module("sevenn.calculator").SevenNetCalculator
            return factory(SEVENNET_MODELS[self.variant], **{"device": "cpu", **options})
        return getattr(importlib.import_module(self.kind), self.variant)(**options)


def _choose(name: str, variant: str, models: Mapping[str, str]) -> str:
    if variant not in models:
        raise InputError(f"--calculator {name}: known variants are {', '.join(v for v in models if v)}")
    return models[variant]


def _threads() -> None:
    """One thread of torch in each process, unless the environment sets a number: cells of 100 atoms gain little."""
    if "OMP_NUM_THREADS" not in os.environ:
        importlib.import_module("torch").set_num_threads(1)
