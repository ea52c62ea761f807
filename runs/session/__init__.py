"""What `import kmc` offers: systems, simulations and their results, from Python."""
