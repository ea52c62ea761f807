"""Crystals, supercells, doping, neighbour stencils and defect equilibria; nothing here depends on time."""
