"""Exercises of notebook 01, surrogate gradients."""
