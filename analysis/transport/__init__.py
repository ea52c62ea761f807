"""Tracer and collective transport: diffusivities, Onsager coefficients, conductivities, drift."""
