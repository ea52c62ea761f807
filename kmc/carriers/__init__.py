"""Coupling of carriers by the model, treatment of electronic carriers, and the neutral component."""
