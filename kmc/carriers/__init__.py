"""Which carriers a model couples, how electronic carriers are treated, and the neutral component."""
