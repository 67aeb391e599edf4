"""Exercises of notebook 02, the convolutional spiking network."""
