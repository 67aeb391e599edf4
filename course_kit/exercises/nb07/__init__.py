"""Exercises of notebook 07, a number you can defend."""
