"""kmcos: vacancy gas on a simple cubic lattice, compiled Fortran. Arguments: edge, vacancy fraction, seconds."""

import contextlib
import io
import os
import shutil
import sys
import tempfile
from time import process_time

from common import report

edge, fraction, seconds = int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])

import numpy as np  # noqa: E402
from kmcos.cli import main  # noqa: E402
from kmcos.types import Action, Condition, Project, Site  # noqa: E402

project = Project()
project.set_meta(author="x", email="x@x.x", model_name="vacancy_gas", model_dimension=3)
project.add_species(name="ion")
project.add_species(name="vacancy")
layer = project.add_layer(name="sc")
layer.sites.append(Site(name="a", pos="0.5 0.5 0.5", default_species="ion"))
project.lattice.cell = np.eye(3)
project.add_parameter(name="rate", value=1.0)
here = project.lattice.generate_coord("a.(0,0,0).sc")
for number, step in enumerate(((1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1))):
    there = project.lattice.generate_coord(f"a.({step[0]},{step[1]},{step[2]}).sc")
    project.add_process(
        name=f"hop{number}",
        conditions=[Condition(species="vacancy", coord=here), Condition(species="ion", coord=there)],
        actions=[Action(species="ion", coord=here), Action(species="vacancy", coord=there)],
        rate_constant="rate",
    )
os.chdir(tempfile.mkdtemp())
# kmcos passes -fimplicit-none, which the wrappers of NumPy 1.26's f2py do not compile with.
compiler = shutil.which("gfortran")
with open("gfortran", "w", encoding="utf-8") as shim:
    shim.write(f'#!/bin/bash\nexec {compiler} "${{@/-fimplicit-none/-fno-range-check}}"\n')
os.chmod("gfortran", 0o755)
os.environ["PATH"] = os.getcwd() + os.pathsep + os.environ["PATH"]
project.save("vacancy_gas.xml")
folder = os.path.join(os.getcwd(), "vacancy_gas_local_smart")
with contextlib.redirect_stdout(io.StringIO()):
    main("export vacancy_gas.xml")
os.chdir(folder)
sys.path.insert(0, folder)
started = process_time()  # the model is compiled once, which is not counted

from kmcos.run import KMC_Model  # noqa: E402

run = KMC_Model(print_rates=False, banner=False, size=[edge, edge, edge])
rng = np.random.default_rng(1)
for site in rng.choice(edge**3, round(fraction * edge**3), replace=False).tolist():
    x, y, z = site % edge, site // edge % edge, site // edge**2
    run._put([x, y, z, run.lattice.sc_a], run.proclist.vacancy)
run._adjust_database()
ready = process_time()
hops, batch = 0, 20000
while process_time() - ready < seconds:
    run.do_steps(batch)
    hops += batch
report(hops, process_time() - ready, ready - started)
