"""The least-squares fit against energies that are exactly pairwise, and against noise of known size."""

import numpy as np
import pytest

from lattices.errors import InputError
from runs.barriers.fit import fit_energies

NAMES = ("V - Gd, shell 1", "V - Gd, shell 2", "V - V, shell 1")
EXACT = np.array([-0.2, -0.05, 0.5])


def sample(number: int, noise_eV: float = 0.0) -> tuple[np.ndarray, list[str], np.ndarray]:
    generator = np.random.default_rng(3)
    counts = generator.integers(0, 4, size=(number, 3))
    compositions = ["one" if m % 2 else "two" for m in range(number)]
    constants = np.where(np.arange(number) % 2, -100.0, -140.0)
    return counts, compositions, counts @ EXACT + constants + generator.normal(scale=noise_eV, size=number)


def test_exact_pair_energies_come_back() -> None:
    counts, compositions, energies = sample(10)
    fit = fit_energies(counts, compositions, energies, NAMES, "cells.configurations")
    assert np.allclose(fit.energies_eV, EXACT, atol=1e-9)
    assert np.allclose(fit.constants_eV, [-140.0, -100.0])
    assert fit.left_out_rms_eV < 1e-9
    assert np.allclose(fit.predicted_eV, energies)


def test_left_out_error_is_that_of_fits_to_the_others() -> None:
    counts, compositions, energies = sample(12, noise_eV=0.02)
    fit = fit_energies(counts, compositions, energies, NAMES, "cells.configurations")
    matrix = np.hstack([counts, [[name == "two", name == "one"] for name in compositions]]).astype(float)
    missed = []
    for m in range(12):
        others = np.arange(12) != m
        solution = np.linalg.lstsq(matrix[others], energies[others], rcond=None)[0]
        missed.append(energies[m] - matrix[m] @ solution)
    assert fit.left_out_rms_eV == pytest.approx(np.sqrt(np.mean(np.square(missed))))
    assert fit.left_out_rms_eV > fit.rms_eV


def test_too_few_configurations_are_refused_with_their_number() -> None:
    counts, compositions, energies = sample(7)
    with pytest.raises(InputError, match="7 configurations for 3 energies and 2 compositions; at least 8"):
        fit_energies(counts, compositions, energies, NAMES, "cells.configurations")


def test_a_pair_that_never_occurs_is_named() -> None:
    counts, compositions, energies = sample(10)
    counts[:, 2] = 0
    with pytest.raises(InputError, match="do not determine V - V, shell 1: raise cells"):
        fit_energies(counts, compositions, energies, NAMES, "cells.configurations")
