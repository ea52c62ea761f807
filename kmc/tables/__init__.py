"""Event tables: the integers to which a model on a supercell is translated, and which every backend uses."""
