"""The Python interface of `import kmc`: systems, simulations and their results."""
