"""Compiled loops of the landscape room."""
