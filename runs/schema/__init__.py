"""The schema of run files."""
