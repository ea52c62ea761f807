"""The README's example: from a crystal to D* in three steps."""

from analysis.report import analyze
from kmc.files.trajectory import read_trajectory
from kmc.model.composition import compose
from kmc.model.parameters import load_model
from kmc.run.engine import run
from kmc.run.settings import Hops, Settings
from kmc.state.system import build_system
from lattices.crystal import Supercell
from lattices.prototypes import fluorite

model = load_model("gdc-chgnet-preview")
ceria = Supercell(fluorite({"cation": "Ce"}, 5.411), (6, 6, 6))
numbers = compose(model, ceria, doping={"Gd": 0.10}, carriers={"V_O": "charge-balance"})
system = build_system(model, ceria, numbers, temperature_K=1200.0, replicas=8)
run(system, Settings(duration=Hops(100)), "quickstart")
results = analyze(read_trajectory("quickstart/trajectory.h5"))
print(results["species"]["O"]["tracer_diffusivity_m2_s"], results["ionic_conductivity_S_m"])
