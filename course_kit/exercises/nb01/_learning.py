"""One neuron that learns to fire five times, for the exercises that watch it."""

import torch

from tutorial_lib import neurons

from ..exercise import Function

GOAL = 5


def learn(start: float, spike_grad: Function, num_updates: int, lr: float) -> list[int]:
    """Returns the spikes before each update of one weight, by plain gradient descent.

    The neuron (beta 0.9) gets the current ``w`` for 20 steps. The loss is ``(count - 5) ** 2``.
    """
    w = torch.tensor(start, requires_grad=True)
    history = []
    for _ in range(num_updates):
        mem, count = torch.zeros(()), torch.zeros(())
        for _ in range(20):
            spk, mem = neurons.lif_step(w, mem, 0.9, spike_grad=spike_grad)
            count = count + spk
        (gradient,) = torch.autograd.grad((count - GOAL) ** 2, w)
        with torch.no_grad():
            w -= lr * gradient
        history.append(int(count))
    return history
