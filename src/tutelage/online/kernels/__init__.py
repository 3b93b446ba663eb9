"""Compiled twins of the equations of motion, one module a family of activations, and their integrator."""
