"""Crystals, supercells, doping and neighbour stencils. Knows nothing of time."""
