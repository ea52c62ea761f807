"""The engine: a model on a supercell becomes integer event tables, a walk, and a trajectory file."""
