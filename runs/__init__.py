"""Run files, the `kmc` command, and everything that combines crystal, engine and analysis."""
