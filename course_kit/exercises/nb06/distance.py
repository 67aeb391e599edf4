"""How far a neuron is from its threshold, by the formula."""

import torch
from torch import Tensor, nn

from tutorial_lib.initialization import membrane_statistics

from ..exercise import Exercise, Function, Wrong, edit
from ..values import as_number, is_near, show

exercise = Exercise(__name__,
    "Write the distance xi of one neuron from weights, input probabilities, bias and beta.",
    shows="Compute how many standard deviations a membrane is below its threshold.",
    kind="function")


@exercise.reference
def solved_distance(weights, p, bias, beta, theta):
    mean = ((weights * p).sum() + bias) / (1 - beta)
    variance = (weights**2 * p * (1 - p)).sum() / (1 - beta**2)
    return (theta - mean) / variance**0.5


CASES = (  # weights, p, bias, beta, theta; one thing more in each
    ([0.8], [0.5], 0.0, 0.0, 1.0),
    ([0.5, -0.5], [0.5, 0.5], 0.0, 0.0, 1.0),
    ([0.5], [0.1], 0.0, 0.0, 1.0),
    ([0.5], [0.5], 0.25, 0.0, 1.0),
    ([0.2], [0.5], 0.0, 0.5, 1.0),
    ([0.2, 0.3, -0.1], [0.1, 0.2, 0.6], 0.05, 0.9, 2.0),
)


@exercise.judge
def judge(distance: Function) -> str:
    for weights, p, bias, beta, theta in CASES:
        w, rates = (torch.tensor(x, dtype=torch.float64) for x in (weights, p))
        xi = as_number(distance(w, rates, bias, beta, theta), "Your distance")
        expected = known(w, rates, bias, beta, theta)
        if not is_near(xi, expected, 1e-4):
            raise Wrong(f"With weights {weights}, p {p}, bias {show(bias)}, beta {show(beta)} and "
                f"threshold {show(theta)}, your distance is {show(xi)}; expected {show(expected)}.",
                "Which of mean and variance is off? Take the smallest case and do it by hand.")
    return ("All six neurons are as far from threshold as the formula says. A normal membrane "
        "three deviations away is above threshold in "
        f"{torch.special.ndtr(torch.tensor(-3.0)):.2%} of the steps.")


def known(w: Tensor, rates: Tensor, bias: float, beta: float, theta: float) -> float:
    """From the library, which a test holds against random spikes."""
    layer = nn.Linear(len(w), 1).double()
    with torch.no_grad():
        layer.weight.copy_(w[None])
        layer.bias.fill_(bias)
    mean, std = membrane_statistics(layer, rates[None], beta)
    return (theta - mean.item()) / std.item()


exercise.right("with a square root", edit("variance**0.5", "variance.sqrt()"))
exercise.right("a product of vectors", edit("(weights * p).sum()", "weights @ p"))
exercise.right("with (1 - beta) (1 + beta)", edit("(1 - beta**2)", "((1 - beta) * (1 + beta))"))

exercise.wrong("A spread is a variance.", edit("variance**0.5", "variance"),
    asks="Is the spread the variance, or its root?")
exercise.wrong("A weight counts once.", edit("weights**2", "weights"),
    asks="By what does the variance of a spike grow when it is multiplied by w?")
exercise.wrong("Spikes are Poisson.", edit("p * (1 - p)", "p"),
    asks="The variance of a variable that is 1 with probability p and 0 else is not p: what is it?")
exercise.wrong("The leak acts on the mean alone.", edit(" / (1 - beta**2)", ""),
    asks="With beta = 0 all is right. How does the leak add up the variances of earlier steps?")
exercise.wrong("The leak acts on mean and variance alike.", edit("(1 - beta**2)", "(1 - beta)"),
    asks="An earlier current is multiplied by beta. By what is its variance multiplied?")
exercise.wrong("The leak acts on the spread alone.", edit(" / (1 - beta)\n", "\n"),
    asks="With beta = 0 all is right. What does a constant current lift a membrane to?")
exercise.wrong("A bias is no current.", edit(" + bias", ""),
    asks="Without bias all is right: is a bias a current at each step?")
exercise.wrong("The distance is below threshold minus nothing.", edit("theta - mean", "theta"),
    asks="How far is it from the mean to the threshold?")
exercise.wrong("Above is positive.", edit("theta - mean", "mean - theta"),
    asks="A neuron that is far below its threshold has a large distance: which sign?")
exercise.wrong("Every threshold is 1.", edit("theta - mean", "1 - mean"),
    asks="What is the threshold in this case?")
