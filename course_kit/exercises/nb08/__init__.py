"""Exercises of notebook 08, events."""
