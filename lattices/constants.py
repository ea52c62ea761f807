"""SI constants of the analysis (exact by definition of the SI, 2019) and the names of electronic carriers."""

from __future__ import annotations

BOLTZMANN_J_K = 1.380649e-23
ELEMENTARY_CHARGE_C = 1.602176634e-19
