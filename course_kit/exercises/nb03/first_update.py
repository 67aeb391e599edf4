"""What two optimizers make of one tiny gradient."""

from functools import cache

from tutorial_lib import functional as SF
from tutorial_lib import simulation

from ...material import fresh, printed_digits
from ..exercise import Exercise, Wrong
from ..values import show

exercise = Exercise(__name__,
    "Learning rate 0.01: what does the first update do to the weights of the first layer?",
    shows="Tell the gradient from the step that an optimizer makes of it.", kind="choice",
    options={
        "a": "Both optimizers move some by about 0.01, the learning rate.",
        "b": "Neither moves any by more than a billionth: the gradient is too small.",
        "c": "SGD moves none by more than a billionth, Adam moves some by thousandths.",
        "d": "SGD moves some by thousandths, Adam, which divides, none by more than a billionth.",
    })


@exercise.judge
def judge(key: str) -> str:
    gradient, sgd, adam = moves()
    right = {(1, 1): "a", (0, 0): "b", (0, 1): "c", (1, 0): "d"}[sgd > 1e-9, adam > 1e-9]
    facts = ("Measured on digits drawn from a font: the largest gradient in the first layer is "
        f"{gradient:.0e}; the largest move of a weight is {show(sgd)} by SGD, {show(adam)} by Adam")
    if key == right:
        return (f"{facts}. A weight near 0.1 does not even notice a step of {0.01 * gradient:.0e}: "
            "single precision has no number so near. Adam takes the size of the gradient out, but "
            "for the 1e-8 that guards its division.")
    raise Wrong(f"{facts}.")


@cache
def moves() -> tuple[float, float, float]:
    """The largest gradient in the first layer, and the largest moves by SGD and by Adam.

    The updates are written out: torch's optimizers do the same, but take seconds to be imported.
    """
    images, targets = printed_digits()
    net = fresh()
    spk_rec, _ = simulation.forward_pass(net, 20, images)
    SF.ce_rate_loss()(spk_rec, targets).backward()
    weight, grad = net[0].weight.detach(), net[0].weight.grad
    after_sgd = weight - 0.01 * grad
    after_adam = weight - 0.01 * grad / (grad.square().sqrt() + 1e-8)  # as it is at the first step
    moved = [(after - weight).abs().max().item() for after in (after_sgd, after_adam)]
    return grad.abs().max().item(), *moved


exercise.wrong("A learning rate is a step.", "a",
    asks="By what does SGD multiply the learning rate?")
exercise.wrong("A tiny gradient makes a tiny step.", "b",
    asks="What does Adam make of the size of a gradient?")
exercise.wrong("Adam's division makes smaller.", "d",
    asks="What does a division by a number far below 1 do?")
