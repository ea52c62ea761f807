"""Running a simulation: settings, equilibration, production, and what follows it."""
