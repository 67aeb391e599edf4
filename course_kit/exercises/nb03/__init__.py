"""Exercises of notebook 03, training."""
