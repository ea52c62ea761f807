"""The state of a simulation: replicas, their first arrangement, domains and rate bounds."""
