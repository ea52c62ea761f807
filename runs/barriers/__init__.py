"""From a crystal to a parameter file: barriers and pair energies computed with any ASE calculator."""
