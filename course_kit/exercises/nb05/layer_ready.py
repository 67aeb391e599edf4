"""A network rewritten so that the library can run it layer by layer."""

import re

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook

import tutorial_lib as snn
from tutorial_lib import simulation

from ..exercise import Exercise, Wrong, edit
from ..values import describe, show

exercise = Exercise(__name__,
    "Rewrite a network, without changing a spike, so that it can be run layer by layer.",
    shows="Keep states in layers, and wiring in forward().", kind="class")


@exercise.reference
class SolvedReady(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(20, 30)
        self.lif1 = snn.Leaky(beta=0.9, init_hidden=True)
        self.fc2 = nn.Linear(30, 10)
        self.lif2 = snn.Leaky(beta=0.8, init_hidden=True, output=True)

    def forward(self, x):
        spk1 = self.lif1(self.fc1(x.flatten(1)))
        return self.lif2(self.fc2(spk1))


class Stubborn(SolvedReady):
    """As given in the notebook."""

    def __init__(self):
        super().__init__()
        self.lif1 = snn.Leaky(beta=0.9)
        self.mem1 = self.lif1.init_leaky()

    def forward(self, x):
        x = x.view(x.shape[0], -1)
        spk1, self.mem1 = self.lif1(self.fc1(x), self.mem1)
        return self.lif2(self.fc2(spk1))


STEPS = 12


@exercise.judge
def judge(answer: type[nn.Module]) -> str:
    torch.manual_seed(0)
    given, net = Stubborn(), answer()
    if not isinstance(net, nn.Module):
        raise Wrong(f"{answer.__name__}() is {describe(net)}; expected an nn.Module, a network.")
    copy_weights(given, net)
    images = 6 * torch.rand(3, 4, 5, generator=torch.Generator().manual_seed(0))
    expected, wanted = run(given, images, "step")
    try:
        by_layer, got = run(net, images, "layer")
    except (TypeError, ValueError, RuntimeError) as refusal:
        explain(net, images, refusal)
    stepped, _ = run(net, images, "step")
    if stepped.shape != expected.shape:
        raise Wrong(f"For images {list(images.shape)} a step returns spikes "
            f"{list(stepped.shape[1:])}; expected {list(expected.shape[1:])}. Does every image "
            "still have its own row?")
    off = (stepped != expected).flatten(1)
    if off.any():
        betas = [round(m.beta.item(), 4) for m in net.modules() if isinstance(m, snn.Leaky)]
        raise Wrong(f"It can be run layer by layer, but it is another network: in {STEPS} steps, "
            f"{off.sum()} of its {off.numel()} outputs are others than those of the class given, "
            f"the first at step {off.any(1).nonzero()[0].item()} (counted from 0).",
            "What differs from the class given: threshold, reset, or what lies between?"
            if betas == [0.9, 0.8]
            else f"Its layers of neurons have the beta {betas}, where 0.9 and 0.8 were given.")
    if not torch.equal(by_layer, stepped):
        raise Wrong("Layer by layer your network sends other spikes than step by step. Does "
            "something in it depend on how many images come at once?")
    for name, mine, theirs in zip(dict(net.named_parameters()), got, wanted, strict=True):
        if not torch.allclose(mine, theirs, rtol=1e-3, atol=1e-5 * theirs.abs().max().item()):
            raise Wrong(f"The spikes are those of the class given, but the gradient of {name!r} "
                f"{list(mine.shape)} has norm {show(mine.norm().item())}; expected "
                f"{show(theirs.norm().item())}.",
                "Which surrogate gradient has each layer, and may every parameter learn?")
    return (f"It is accepted, and all {by_layer.numel()} outputs are the same either way, as are "
        "the gradients. With states in layers and wiring in `forward`, any network can run so.")


def run(net: nn.Module, images: Tensor, schedule: simulation.Schedule) -> tuple[Tensor, list]:
    """The record of a run, and what each parameter gets from the sum of its spikes."""
    for p in net.parameters():
        p.grad = torch.zeros_like(p)
    spk_rec, _ = simulation.forward_pass(net, STEPS, images, schedule=schedule)
    if spk_rec.requires_grad:
        spk_rec.sum().backward()
    return spk_rec.detach(), [p.grad for p in net.parameters()]


def copy_weights(given: nn.Module, net: nn.Module) -> None:
    shapes = [[list(p.shape) for p in each.parameters()] for each in (given, net)]
    if shapes[0] != shapes[1]:
        raise Wrong(f"Your network has parameters of the shapes {shapes[1]}; expected {shapes[0]}, "
            "as given. Are fc1 and fc2 still there, in this order?")
    with torch.no_grad():
        for one, other in zip(given.parameters(), net.parameters(), strict=True):
            one.mul_(1.5)
            other.copy_(one)


ALONE = "How can forward() do without?"
ITSELF = "Which argument of Leaky lets the layer keep its membrane itself?"
FLATTEN = "Which method or layer flattens all but the first axis, without asking for its size?"
# What the refusal has in it, what is said instead of its reason if that is torch's, the question.
REFUSALS = (
    ("no layer returned|explicit state", "", ITSELF),
    ("changes 'mem'", "", "Does forward() start a membrane? The library does, once."),
    ("'len' is not", "its forward() asks for len() of a tensor, which holds many steps here",
     FLATTEN),
    ("asks for|view|reshape", "", FLATTEN),
    ("cannot be iterated", "its forward() goes through a tensor in a loop", FLATTEN),
    ("control flow", "an if, while or assert in its forward() depends on the data",
     "Can forward() do the same with all data?"),
    ("not installed", "its forward() makes a layer that the network does not hold",
     "Where does a network make its layers?"),
    ("last axis", "", "What is the number of the first axis of one image, counted from the left?"),
    ("batch axis", "", "Which axes may be flattened, when time is folded into the first one?"),
    ("returns its membrane", "", "Which layer alone needs output=True?"),
    ("does not return", "", "What does the last layer return, and what does forward() return?"),
)  # fmt: skip


def explain(net: nn.Module, images: Tensor, refusal: Exception) -> None:
    """Raises Wrong for a network that is refused, or that does not even run step by step."""
    try:
        simulation.forward_pass(net, 2, images, schedule="step")
    except (TypeError, ValueError, RuntimeError) as error:
        question = "What does each layer of neurons return, and what does forward() make of it?"
        if "cannot be multiplied" in str(error):
            question = "Does each image reach fc1 as one row of numbers?"
        if "more than once in a step" in str(error):
            question = "Is one layer of neurons at two places, or a loop over time in forward()?"
        raise Wrong(f"It does not even run step by step: {str(error).rstrip('.')}. "
            f"{question}") from refusal
    reason = str(refusal).partition(": ")[2].partition(". Use ")[0] or str(refusal)
    question = ALONE
    for words, instead, asked in REFUSALS:
        if re.search(words, reason):
            reason, question = instead or reason, asked
            break
    if (name := restarted(net, images)) and question in (ITSELF, ALONE):
        reason = reason.removeprefix("it keeps its own state: ")
        question = (f"At each step, those neurons of {name!r} fire whose current alone exceeds the "
            "threshold, as if nothing were left of the steps before: does forward() start its "
            f"membrane anew each time? {ITSELF}")
    raise Wrong(f"The library refuses it: {reason}. {question}")


def restarted(net: nn.Module, images: Tensor) -> str:
    """The name of a layer that fires as if its membrane were 0 before each step, or ""."""
    records: dict[nn.Module, list[tuple[Tensor, Tensor]]] = {}

    def keep(layer: nn.Module, args: tuple[Tensor, ...], out: Tensor | tuple[Tensor, ...]) -> None:
        if isinstance(layer, snn.Leaky):
            spk = out[0] if isinstance(out, tuple) else out
            alone = (args[0] > layer.threshold).to(spk.dtype)
            records.setdefault(layer, []).append((spk, alone))

    with register_module_forward_hook(keep):
        simulation.forward_pass(net, STEPS, images, schedule="step")
    for name, layer in net.named_modules():
        steps = records.get(layer, [])
        if any(spk.any() for spk, _ in steps) and all(torch.equal(*pair) for pair in steps):
            return name
    return ""


@exercise.right("in a row")
class InARow(nn.Sequential):
    def __init__(self):
        super().__init__(
            nn.Flatten(), nn.Linear(20, 30), snn.Leaky(0.9, init_hidden=True),
            nn.Linear(30, 10), snn.Leaky(0.8, init_hidden=True, output=True),
        )  # fmt: skip


@exercise.right("in two parts")
class InTwoParts(SolvedReady):
    def __init__(self):
        super().__init__()
        self.flat = nn.Flatten(start_dim=1)

    def forward(self, x):
        spk2, mem2 = self.lif2(self.fc2(self.hidden(torch.relu(self.flat(x)))))
        return spk2, mem2

    def hidden(self, x):
        return self.lif1(self.fc1(x))  # images are not negative, so a relu changes nothing


exercise.right("torch.flatten", edit("x.flatten(1)", "torch.flatten(x, start_dim=1)"))

OWN = "snn.Leaky(beta=0.9, init_hidden=True)"

exercise.wrong("It runs, so it is ready.", Stubborn, told="uses 'mem1', a tensor")
exercise.wrong("A state may start at each call.",
    edit(OWN, "snn.Leaky(beta=0.9)", "spk1 =", "spk1, _ =",
         "self.fc1(x.flatten(1))", "self.fc1(x.flatten(1)), self.lif1.init_leaky()"),
    told="those neurons of 'lif1' fire whose current alone exceeds")
exercise.wrong("A membrane is a variable.",
    edit(OWN, "snn.Leaky(beta=0.9)", "self.fc1(x.flatten(1))", "self.fc1(x.flatten(1)), mem",
         "spk1 =", "mem = self.lif1.init_leaky()\n        spk1, mem ="),
    told="refuses it: its forward() uses 'mem', a tensor that no layer returned. At each step,")
exercise.wrong("A membrane starts as zeros.",
    edit(OWN, "snn.Leaky(beta=0.9)", "spk1 =", "spk1, _ =",
         "self.fc1(x.flatten(1))",
         "self.fc1(x.flatten(1)), torch.zeros_like(self.fc1(x.flatten(1)))"),
    told="does forward() start its membrane anew each time")
exercise.wrong("The output may start anew.",
    edit(", init_hidden=True, output=True", "",
         "self.fc2(spk1)", "self.fc2(spk1), self.lif2.init_leaky()"),
    told="those neurons of 'lif2' fire whose current alone exceeds")
exercise.wrong("A shape is a number.", edit("flatten(1)", "view(x.shape[0], -1)"),
    told="asks for 'shape' of a tensor, which holds many steps here. Which method or layer")
exercise.wrong("A length is a number.", edit("flatten(1)", "view(len(x), -1)"),
    told="asks for len() of a tensor, which holds many steps here. Which method or layer")
exercise.wrong("Twenty is twenty.", edit("flatten(1)", "reshape(-1, 20)"),
    told="'reshape' is not known to treat samples and steps alike. Which method or layer")
exercise.wrong("Each image is flattened by itself.",
    edit("x.flatten(1)", "torch.stack([image.flatten() for image in x])"),
    told="goes through a tensor in a loop")
exercise.wrong("A layer may be made anywhere.", edit("x.flatten(1)", "nn.Flatten()(x)"),
    told="Where does a network make its layers")
exercise.wrong("The batch axis is an axis.", edit("flatten(1)", "flatten().view(-1, 20)"),
    told="Which axes may be flattened")
exercise.wrong("Axes may be counted from the end.", edit("flatten(1)", "flatten(-2)"),
    told="counts from the last axis")
exercise.wrong("A linear layer takes an image.", edit("x.flatten(1)", "x"),
    told="one row of numbers")
exercise.wrong("output=True belongs to all.",
    edit("beta=0.9, init_hidden=True", "beta=0.9, init_hidden=True, output=True",
         "spk1 =", "spk1, _ ="), told="Which layer alone needs")
exercise.wrong("The spikes are the result.",
    edit("self.lif2(self.fc2(spk1))", "self.lif2(self.fc2(spk1))[0]"),
    told="What does each layer of neurons return")
exercise.wrong("forward() is the whole run.",
    edit("        spk1 =", "        for _ in range(50):\n            spk1 =",
         "        return", "            out =", "fc2(spk1))", "fc2(spk1))\n        return out"),
    told="more than once in a step")
exercise.wrong("A layer below needs no gradient.",
    edit("        spk1 =", "        with torch.no_grad():\n            spk1 ="),
    told="whether gradients are kept, as torch.no_grad() does")
exercise.wrong("A surrogate is a surrogate.",
    edit("beta=0.8, ", "beta=0.8, spike_grad=snn.surrogate.fast_sigmoid(), "),
    asks="Which surrogate gradient has the class given?")
exercise.wrong("Betas are alike.", edit("beta=0.8", "beta=0.9"), told="have the beta [0.9, 0.9]")
exercise.wrong("Resets are alike.", edit("beta=0.8", 'beta=0.8, reset_mechanism="zero"'),
    told="What differs from the class given")
