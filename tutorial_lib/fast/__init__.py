"""The fast engine: every layer runs all time steps before the next one starts."""
