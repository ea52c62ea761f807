"""Estimates with errors, slopes of mean-square displacements, Arrhenius fits."""
