"""Backends: the same walk on NumPy, on compiled CPU code and on CUDA."""
