"""What is measured during a simulation and written to the trajectory file."""
