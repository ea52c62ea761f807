"""Studies: one run file carried out for many combinations of keys, on the workers of a machine or a cluster."""
