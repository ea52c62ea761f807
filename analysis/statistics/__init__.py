"""Estimates with standard errors, independent samples, slopes of mean-square displacements, Arrhenius fits."""
