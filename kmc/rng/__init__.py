"""Random numbers: Philox4x32-10 and Poisson counts by integer algorithms."""
