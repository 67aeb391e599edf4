"""Exercises of notebook 04, looking at spikes."""
