"""The README's example: from a crystal to D* in eight lines."""

import kmc

system = kmc.System.build(
    "gdc-chgnet-preview", repeats=(6, 6, 6), temperature_K=1200.0, doping={"Gd": 0.10}, vacancies="charge-balance"
)
run = kmc.simulate(system, "quickstart", duration=kmc.Hops(100))
print(run.results.tracer("O"), run.results.ionic_conductivity)
