"""Pictures of runs, studies and defect equilibria; one style for all of them."""
