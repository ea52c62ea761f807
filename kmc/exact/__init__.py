"""Exact solutions of the master equation on very small cells."""
