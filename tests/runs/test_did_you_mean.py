"""A message about an unknown word names the one that was probably meant."""

from __future__ import annotations

from collections.abc import Callable

import pytest


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (["rnu", "gdc"], "run"),
        (["run", "gcd"], "gdc"),
        (["validate", "gdc", "--set", "run.replica=3"], "replicas"),
        (["validate", "gdc", "--set", "crystal.doping={gd=0.1}"], "Gd"),
        (["validate", "gdc", "--set", 'model.parameters="gdc-chgnet-previw"'], "gdc-chgnet-preview"),
        (["equilibrium", "lfs64", "--temperature", "1000", "--pO2", "1"], "lsf64"),
        (["bench", "--case", "ideal-800"], "ideal-8000"),
    ],
)
def test_the_closest_word(refused: Callable[..., str], given: list[str], meant: str) -> None:
    assert f"; did you mean {meant!r}?" in refused(*given)
