"""Exercises of notebook 06, the laboratory of gradients and starts."""
