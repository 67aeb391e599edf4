"""Exercises of notebook 00, the spiking neuron."""
