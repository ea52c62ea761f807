"""Observables: what is measured at every frame and written to the trajectory file."""
