"""Speed and memory of the course's network, against peers and against the bare convolutions."""
