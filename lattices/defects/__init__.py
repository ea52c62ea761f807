"""Defect equilibria: carriers of a material against temperature and gas."""
