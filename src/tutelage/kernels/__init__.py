"""Compiled building blocks for hot loops; they import nothing of ours but each other."""
