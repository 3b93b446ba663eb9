"""Compiled kernels of the regimes room."""
