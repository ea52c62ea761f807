"""Trajectory files and checkpoints."""
