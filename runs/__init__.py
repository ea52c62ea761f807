"""Run files, the `kmc` command, and everything that ties crystal, engine and analysis together."""
