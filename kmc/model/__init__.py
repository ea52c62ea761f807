"""Models: species, hops and energies from parameter files; compositions; oxygen exchange."""
