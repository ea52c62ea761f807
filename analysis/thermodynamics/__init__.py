"""Thermodynamic factor and chemical diffusivity by every route."""
