"""Exercises of notebook 05, fast simulation."""
