"""Event tables: a model on a supercell becomes the integers that every backend uses."""
