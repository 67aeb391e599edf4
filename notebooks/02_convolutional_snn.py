# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A convolutional spiking network
#
# [Open in Colab](https://colab.research.google.com/github/OWNER/snn-course/blob/main/notebooks/02_convolutional_snn.ipynb) (leads nowhere yet: this copy of the course has no address)
#
# **You will**
#
# - derive every shape and parameter from the shorthand 12C5-MP2-64C5-MP2-1024FC10;
# - write the network twice, as a class with explicit states and as `nn.Sequential`, and prove the two equal;
# - find out when a state must be started;
# - measure how often each layer fires before any training, and what that leaves for the gradient.
#
# The network is that of [tutorial 6](https://snntorch.readthedocs.io/en/latest/tutorials/tutorial_6.html) of snnTorch, which trains it to read
# handwritten digits.
#
# **You need** the neuron of [notebook 00](00_spiking_neuron.ipynb), the surrogate gradient of
# [notebook 01](01_surrogate_gradients.ipynb), and `nn.Conv2d` from PyTorch.
#
# **Time**: about an hour to read and try, about a minute to run.
#
# > **Note.** Folded cells hold the code of figures, and checks of the numbers in the text. After you change a value, or with
# > another processor or other versions, which round differently, a check may stop with an `AssertionError`. That is no
# > fault of yours: go on below it.

# %% tags=["hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title In Colab this cell installs the course's library; elsewhere it does nothing
import importlib.util
import os
import subprocess
import sys

if "COLAB_RELEASE_TAG" in os.environ and importlib.util.find_spec("tutorial_lib") is None:
    address = "git+https://github.com/OWNER/snn-course"
    subprocess.check_call([sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", address])

# %%
import copy

import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F
from torch import nn

import tutorial_lib as snn
from course_kit import exercises, explorers, figures
from tutorial_lib import data, networks, simulation, surrogate, utils
from tutorial_lib import functional as SF  # losses and accuracies on spikes
from tutorial_lib import plotting as splt

# %% [markdown]
# ## The data
#
# `data.load` looks for the handwritten digits of MNIST on this machine and on the web. Without an internet connection
# it takes the small set that scikit-learn carries. `data.loaders` cuts them into batches; here we need one.

# %%
digits = data.load()
loaders = data.loaders(digits, batch_size=128)
torch.manual_seed(0)  # the order of the batches follows the seed
images, targets = next(iter(loaders.train))
print("batch", list(images.shape), "from", images.min(), "to", images.max())

# %% tags=["hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Code of the figure
fig, axes = plt.subplots(1, 10, figsize=(9, 1.4), layout="constrained")
for ax, image, target in zip(axes, images, targets):
    ax.imshow(image[0], cmap="gray", vmin=0, vmax=1)
    ax.set_title(int(target), fontsize=11)
    ax.set_axis_off()
figures.show("Handwritten digits from the training set in a row, with their labels above them.")

# %% [markdown]
# A batch is `[B, 1, 28, 28]`: 128 images, one gray channel, pixels from 0 to 1. The network gets the same image at
# each of its 50 time steps; the first convolution turns it into currents. That is the **constant-current encoding** of
# notebook 00. No spikes go in; the first layer of neurons makes them.
#
# ## The architecture
#
# From left to right: **12C5**, a convolution with 12 filters of 5 by 5 pixels; **MP2**, max-pooling over 2 by 2 pixels;
# the same again with 64 filters; **1024FC10**, a fully connected layer from 1,024 inputs to 10 outputs. Leaky neurons follow
# each pooling and the last layer.
#
# > **Predict.** A 5 by 5 filter slides over a 28 by 28 image without padding. What size is left? Go on to the end: why
# > 1,024?

# %% tags=["hide-output"]
layers = [nn.Conv2d(1, 12, 5), nn.MaxPool2d(2)]
layers += [nn.Conv2d(12, 64, 5), nn.MaxPool2d(2)]
layers += [nn.Flatten(), nn.Linear(1024, 10)]
x = images[:1]
for layer in layers:
    x = layer(x)
    weights = sum(p.numel() for p in layer.parameters())
    name, shape = layer.__class__.__name__, str(list(x.shape[1:]))
    print(f"{name:<10} {shape:<14} {weights:>7,} parameters")

# %% [markdown]
# <details><summary>Answer</summary>
#
# Each convolution takes off 4 pixels, each pooling halves: $28 \to 24 \to 12 \to 8 \to 4$. The last maps are 4 by 4, and
# there are 64 of them: $64 \cdot 4 \cdot 4 = 1024$.
#
# </details>
#
# The parameters: a filter has one weight per pixel and input channel, and one bias. That gives
# $12\,(1 \cdot 5 \cdot 5 + 1) = 312$, then $64\,(12 \cdot 5 \cdot 5 + 1) = 19{,}264$, and $10\,(1024 + 1) = 10{,}250$: in all
# 29,826. Nearly two thirds of them are in the second convolution.
#
# > **Exercise 1: another size.** A smaller network for the same images is 6C3-MP2-16C3-MP2-?FC10. How many
# > parameters does it have, biases included? (Pooling drops the last row and column of an odd size.)

# %% tags=["claims", "hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Checked here
assert images.shape == (128, 1, 28, 28) and images.min() >= 0 and images.max() <= 1
sizes = [sum(p.numel() for p in layers[n].parameters()) for n in (0, 2, 5)]
assert sizes == [12 * 26, 64 * 301, 10 * 1025] == [312, 19_264, 10_250] and sum(sizes) == 29_826
assert 0.64 < sizes[1] / 29_826 < 0.66

# %% tags=["exercise"]
# Yours to edit: a number in place of the three dots.
my_parameters = ...

# %%
exercises.check("02-parameters", my_parameters)

# %% [markdown]
# <details><summary>Hint</summary>
#
# Follow the size of the maps first. A 3 by 3 filter takes off 2 pixels.
#
# </details>
#
# <details><summary>Solution</summary>
#
# $28 \to 26 \to 13 \to 11 \to 5$: a 3 by 3 filter takes off 2, and pooling makes 5 of 11.
#
# ```python
# parameters_solved = 6 * (1 * 3 * 3 + 1) + 16 * (6 * 3 * 3 + 1) + 10 * (16 * 5 * 5 + 1)
# ```
#
# </details>
#
# ## The network as a class
#
# The settings are those of tutorial 6: decay $\beta = 0.5$, threshold $\theta = 1$, and
# `fast_sigmoid` with slope $k = 25$ as the surrogate on the backward pass.

# %%
beta, num_steps = 0.5, 50
spike_grad = surrogate.fast_sigmoid(slope=25)


class Layers(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 12, 5)
        self.lif1 = snn.Leaky(beta=beta, spike_grad=spike_grad)
        self.conv2 = nn.Conv2d(12, 64, 5)
        self.lif2 = snn.Leaky(beta=beta, spike_grad=spike_grad)
        self.fc1 = nn.Linear(64 * 4 * 4, 10)
        self.lif3 = snn.Leaky(beta=beta, spike_grad=spike_grad)

# %% [markdown]
# One time step takes the membranes in and gives the new ones back: **explicit state**. Pooling acts on the *currents*,
# before the neurons fire. Pooled spikes would only say whether any of four neurons fired; pooled currents say how
# strong the strongest is.

# %%
class OneStep(Layers):
    def step(self, x, mem1, mem2, mem3):
        cur1 = F.max_pool2d(self.conv1(x), 2)
        spk1, mem1 = self.lif1(cur1, mem1)
        cur2 = F.max_pool2d(self.conv2(spk1), 2)
        spk2, mem2 = self.lif2(cur2, mem2)
        cur3 = self.fc1(spk2.flatten(1))  # all but the batch axis
        spk3, mem3 = self.lif3(cur3, mem3)
        return spk3, mem1, mem2, mem3

# %% [markdown]
# ### Spot the fault
#
# Now the loop over time. Tutorial 6 prints the class below, but trains another network, by 50 calls of
# `spk, mem = net(data)`. Suppose that we call this class 50 times instead. `init_leaky()` gives a membrane at rest, for a
# batch of any size.

# %%
class Published(OneStep):
    def forward(self, x):
        mem1 = self.lif1.init_leaky()
        mem2 = self.lif2.init_leaky()
        mem3 = self.lif3.init_leaky()
        spk3, mem1, mem2, mem3 = self.step(x, mem1, mem2, mem3)
        return spk3, mem3

# %% [markdown]
# > **Predict.** Call it five times with the same images. How does the output membrane change from call to call?
#
# (With larger weights there is more to see.)

# %% tags=["hide-output"]
def louder(net, gain=5.0):
    """Multiplies weights and biases, in place; returns the network."""
    with torch.no_grad():
        for p in net.parameters():
            p.mul_(gain)
    return net


torch.manual_seed(0)
net = louder(Published())
with torch.no_grad():
    calls = torch.stack([net(images)[1] for _ in range(5)])  # [5, B, 10]
print("largest change:", calls.diff(dim=0).abs().max().item())

# %% [markdown]
# <details><summary>Answer</summary>
#
# It does not change at all. Fifty steps are one step, fifty times.
#
# </details>

# %%
exercises.predict("02-spot-memory")

# %% [markdown]
# ### A class with memory
#
# Put the loop *inside* `forward`, after the start of the states. The class then returns the whole record, `[T, B, 10]`,
# with time first.

# %%
class ConvSNN(OneStep):
    def forward(self, x, num_steps):
        mem1 = self.lif1.init_leaky()
        mem2 = self.lif2.init_leaky()
        mem3 = self.lif3.init_leaky()
        record = []
        for _ in range(num_steps):
            spk3, mem1, mem2, mem3 = self.step(x, mem1, mem2, mem3)
            record.append((spk3, mem3))
        spk_rec, mem_rec = zip(*record)
        return torch.stack(spk_rec), torch.stack(mem_rec)

# %%
torch.manual_seed(0)
net = louder(ConvSNN())
with torch.no_grad():
    spk_rec, mem_rec = net(images, num_steps)

# %% tags=["hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Code of the figure
fig, ax = plt.subplots(figsize=(6, 2.8), layout="constrained")
output = calls[0, 0].argmax()  # the most driven output neuron for the first image
look = [splt.style.curve(i) for i in range(2)]
ax.plot(range(5), calls[:, 0, output], **look[1], label="without memory, 5 calls")
ax.plot(range(20), mem_rec[:20, 0, output], **look[0], label="with memory, 20 steps")
splt.style.level(ax, 1.0, "threshold")
ax.set_xticks(range(0, 20, 5))
splt.style.dress(ax, "Time step", splt.style.MEMBRANE)
fig.legend(loc="outside upper center", ncols=2)
figures.show("The membrane of one output neuron for one image, without memory and with it.")

# %% [markdown]
# Both start at the same value. Only `ConvSNN` remembers it and moves on from there.
#
# > **Take-away.** A state must be started once per run, not once per step. Where the loop over time stands decides
# > which of the two you have written.
#
# > **Exercise 2: memory by hand.** There is another remedy. Leave the loop outside, and let the *caller* keep the
# > state. A call is one step: `spk, state = net(x, state)` returns the spikes of `lif2` and the new state, one value of
# > any kind. `net(x)` starts from rest, for a batch of any size. Two runs must not disturb each other, and the gradient
# > has to reach back through all steps. Write `forward`; leave the layers as they are.

# %% tags=["claims", "hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Checked here
assert torch.equal(calls[0], calls[4]) and torch.equal(mem_rec[0], calls[0])
assert not torch.equal(mem_rec[1], mem_rec[0]) and spk_rec.sum() > 0
assert len({tuple(row) for row in spk_rec.sum(0).tolist()}) > 100  # it depends on the image

# %% tags=["exercise"]
class MyNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(20, 30)
        self.lif1 = snn.Leaky(beta=0.9)
        self.fc2 = nn.Linear(30, 10)
        self.lif2 = snn.Leaky(beta=0.9)

    def forward(self, x, state=None):
        # Yours to edit: one step. Return the spikes and the new state.
        ...

# %%
exercises.check("02-memory", MyNet)

# %% [markdown]
# <details><summary>Hint</summary>
#
# The state is a pair of membranes. `lif.init_leaky()` gives a membrane at rest. Keep nothing in `self`.
#
# </details>
#
# <details><summary>Solution</summary>
#
# ```python
# class CarriedState(MyNet):
#     def forward(self, x, state=None):
#         if state is None:
#             state = self.lif1.init_leaky(), self.lif2.init_leaky()
#         mem1, mem2 = state
#         spk1, mem1 = self.lif1(self.fc1(x), mem1)
#         spk2, mem2 = self.lif2(self.fc2(spk1), mem2)
#         return spk2, (mem1, mem2)
# ```
#
# </details>
#
# ## The network as `nn.Sequential`
#
# Much of the class is bookkeeping for the states. With `init_hidden=True`, a layer keeps its membrane inside and passes
# only spikes on, so it fits between other layers. `output=True` makes the last layer return its membrane as well.

# %%
def hidden(**settings):
    return snn.Leaky(beta, spike_grad=spike_grad, init_hidden=True, **settings)


seq = nn.Sequential(
    nn.Conv2d(1, 12, 5), nn.MaxPool2d(2), hidden(),
    nn.Conv2d(12, 64, 5), nn.MaxPool2d(2), hidden(),
    nn.Flatten(), nn.Linear(64 * 4 * 4, 10), hidden(output=True),
)

# %% [markdown]
# A call is one time step again: `spk, mem = seq(images)`. With the loop outside, *you* must say when a new run begins.
# `utils.reset` puts every hidden membrane back to rest.

# %%
def forward_pass(net, num_steps, data):
    utils.reset(net)
    spk_rec, mem_rec = [], []
    for _ in range(num_steps):
        spk, mem = net(data)
        spk_rec.append(spk)
        mem_rec.append(mem)
    return torch.stack(spk_rec), torch.stack(mem_rec)

# %% [markdown]
# Are the two networks the same? Copy the weights, and compare the spikes and the gradient of each parameter.

# %%
with torch.no_grad():
    for p, given in zip(seq.parameters(), net.parameters()):
        p.copy_(given)

spk_class, mem_class = net(images[:16], 20)
spk_seq, mem_seq = forward_pass(seq, 20, images[:16])
print("spikes:", int(spk_class.sum()), "and", int(spk_seq.sum()))
for model, mem in ((net, mem_class), (seq, mem_seq)):
    model.zero_grad()
    mem.sum().backward()
for (name, p), q in zip(net.named_parameters(), seq.parameters()):
    print(f"{name:<12} {p.grad.norm():.3e} and {q.grad.norm():.3e}")

# %% [markdown]
# They are one network, written in two ways. The library has the function as `simulation.forward_pass`, and the network as
# `networks.conv_net`.
#
# ## What happens without `reset`
#
# > **Predict.** Run the same images through `seq` twice, 50 steps each, without a reset in between. The second run starts
# > from other membranes. (1) In `never`, a copy with a threshold too high for any spike, each membrane keeps $\beta$, one
# > half, of a difference per step: what share of the first difference is left after 10 steps, and after 50? (2) In `seq`,
# > whose neurons fire: as much, less, or more?

# %% tags=["claims", "hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Checked here
assert spk_class.sum() > 0
assert torch.equal(spk_class, spk_seq) and torch.equal(mem_class, mem_seq)
for own, other in zip(net.parameters(), seq.parameters(), strict=True):
    assert own.grad.norm() > 0
    torch.testing.assert_close(own.grad, other.grad)
assert torch.equal(simulation.forward_pass(seq, 20, images[:16])[0], spk_seq)

# %%
def twice(net):
    """Membranes and spikes of two runs without a reset, [2, 50, B, 10]."""
    utils.reset(net)
    with torch.no_grad():
        spk, mem = zip(*[net(images[:32]) for _ in range(100)])
    shape = (2, 50, 32, 10)
    return torch.stack(mem).view(shape), torch.stack(spk).view(shape)


never = copy.deepcopy(seq)
for layer in (never[2], never[5], never[8]):
    layer.threshold.fill_(1000.0)

# %% tags=["hide-output"]
apart = {}
for name, model in (("seq", seq), ("never", never)):
    mem, spk = twice(model)
    apart[name] = (mem[0] - mem[1]).abs().mean((1, 2))  # at each step
    counts = spk.sum(1)
    differ = (counts[0] != counts[1]).float().mean()
    print(f"{name}: {differ:.0%} of the spike counts differ")

# %% tags=["hide-input", "hide-output"] jupyter={"source_hidden": true} cellView="form"
#@title Code of the figure
fig, ax = plt.subplots(figsize=(6, 2.8), layout="constrained")
for number, (name, values) in enumerate(apart.items()):
    ax.plot(values, **splt.style.curve(number), label=name)
ax.set(yscale="log", ylim=(1e-7, 20))
splt.style.dress(ax, "Time step", "Mean difference\n(threshold units)")
ax.legend(loc="center right")
figures.show("How far the output membranes of the two runs are apart, in two networks.")

# %% [markdown]
# <details><summary>Answer</summary>
#
# Without spikes, the difference halves at each step: one thousandth is left after 10, and after 50 less than rounding
# shows. With spikes it does not fade: after 50 steps the runs are still about one threshold apart. A neuron of layer 1 has a
# constant current and fires in a rhythm. Where it started can shift the *phase* of that rhythm, and for about four in ten
# nothing pulls it back. So layer 2 gets the same spikes at other times, and fires at other times itself. About half of the
# output's spike counts change, though few by more than 3.
#
# </details>
#
# In an evaluation, the traces left behind are those of *other images*, and nothing tells you. A batch of another size
# does tell you. So does training: the old membranes still hang on the graph of the old batch, which is gone after its
# `backward()`.

# %%
utils.reset(seq)
seq(images[:4])[1].sum().backward()
for batch in (images[:7], images[:4]):
    try:
        seq(batch)[1].sum().backward()  # reset forgotten
    except (ValueError, RuntimeError) as error:
        print(f"{type(error).__name__}: {error}\n")

# %% [markdown]
# > **Take-away.** PyTorch's own words for the second are "Trying to backward through the graph a second time". In a spiking
# > network that nearly always means: a state was not reset between two batches.
#
# ## How often does each layer fire?
#
# Before you train a network, look at its spikes. PyTorch draws each weight and bias between $-1/\sqrt n$ and
# $1/\sqrt n$, where $n$ is the number of inputs of a neuron: 25, 300, and 1,024 in the three layers. That is within
# $\pm 0.2$, $\pm 0.058$, and $\pm 0.031$. And a constant current fires a neuron only above
# $(1-\beta)\,\theta = 0.5$, the rheobase of notebook 00.

# %% tags=["claims", "hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Checked here
assert 0.7 < apart["seq"].min() and apart["seq"].max() < 1.5
fades = apart["never"] / apart["never"][0]
assert apart["never"][-1] < 1e-6 and apart["seq"][-1] > 0.5 * apart["seq"][0]
assert torch.allclose(fades[:11], 0.5 ** torch.arange(11), rtol=0.01)
gaps = twice(seq)[1].sum(1).diff(dim=0).abs()
assert 0.4 < (gaps > 0).float().mean() < 0.7 and (gaps <= 3).float().mean() > 0.9
assert (counts == 0).all()  # of never, the last of the two


def first_layers():
    """Of the neurons that fire in layers 1 and 2: which repeat themselves, which differ late."""
    kept = []
    hooks = [seq[n].register_forward_hook(lambda _, __, out: kept.append(out)) for n in (2, 5)]
    utils.reset(seq)
    with torch.no_grad():
        for _ in range(200):
            seq(images[:16])
    for hook in hooks:
        hook.remove()
    for layer in (torch.stack(kept[0::2]).flatten(1), torch.stack(kept[1::2]).flatten(1)):
        fires = layer.any(0)
        late = layer[100:]
        repeats = torch.stack([(late[p:] == late[:-p]).all(0) for p in range(1, 26)]).any(0)
        differs = (layer[10:50] != layer[60:100]).any(0)
        yield repeats[fires].float().mean(), differs[fires].float().mean()


(rhythm, moved), (rhythm_above, moved_above) = first_layers()
assert rhythm == 1 and 0.3 < moved < 0.5 and rhythm_above < 0.3 and moved_above > 0.75
for index, bound in ((0, 0.2), (3, 0.058), (7, 0.031)):
    torch.manual_seed(0)
    largest = networks.conv_net()[index].weight.abs().max()
    assert abs(largest / bound - 1) < 0.02
for wrong in (lambda: seq(images[:7]), lambda: seq(images[:4])[1].sum().backward()):
    try:
        wrong()
    except (ValueError, RuntimeError):
        continue
    raise AssertionError("this must be refused")

# %%
exercises.predict("02-silent")

# %% [markdown]
# `simulation.record_spikes` runs a network and keeps the spikes of every layer. Five draws of the weights:

# %%
rates = torch.zeros(5, 3)
for seed in range(5):
    torch.manual_seed(seed)
    fresh = networks.conv_net(beta=beta, spike_grad=spike_grad)
    record = simulation.record_spikes(fresh, num_steps, images)
    rates[seed] = torch.tensor([spk.mean() for spk in record.values()])
    print(f"seed {seed}:", [f"{rate:.4%}" for rate in rates[seed].tolist()])

# %% [markdown]
# Layer 2 and the output need spikes from below to reach their threshold, since a bias alone is far below 0.5; and there are
# fewer spikes at every stage.
#
# > **Predict.** What accuracy does such a silent network have? `accuracy_rate` takes the class with the most spikes as the
# > answer; in a tie, the lowest of the tied classes. `decision_rate` is the share of images for which one class has more
# > spikes than any other.

# %% tags=["hide-output"]
torch.manual_seed(0)
fresh = networks.conv_net(beta=beta, spike_grad=spike_grad)
spk_rec, mem_rec = simulation.forward_pass(fresh, num_steps, images)
accuracy = SF.accuracy_rate(spk_rec, targets)
decided = SF.decision_rate(spk_rec)
print(f"accuracy {accuracy:.1%}, decided {decided:.0%}")
print(f"zeros among the labels {(targets == 0).float().mean():.1%}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# The share of zeros in the batch: all ten counts are tied, and the tie goes to class 0. It looks like guessing, but no
# image is decided. That is why this course prints the decision rate beside an accuracy.
#
# </details>
#
# ### Silent, but not dead
#
# What reaches the weights? `SF.ce_rate_loss` compares the spikes with the labels; the next notebook takes it apart.
#
# > **Predict.** With seed 0, the output and layer 2 are silent, and layer 1 fires a little. `fast_sigmoid`'s surrogate derivative is
# > $1/(1 + 25\,|U - \theta|)^2$. Which of the six weights and biases get no gradient at all, and which the largest? (In the
# > output, 0, 3 and 7 are the two convolutions and the fully connected layer.)

# %% tags=["claims", "hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Checked here
assert (rates[:, 0] > 0.001).all() and (rates[:, 0] < 0.05).all()
assert (rates[:, 1] < 2e-4).all() and (rates[:, 2] == 0).all()
assert decided == 0 and abs(accuracy - (targets == 0).float().mean()) < 1e-6

# %% tags=["hide-output"]
fresh.zero_grad()
spk_rec, mem_rec = simulation.forward_pass(fresh, num_steps, images)
loss = SF.ce_rate_loss()(spk_rec, targets)
loss.backward()
norms = {name: p.grad.norm() for name, p in fresh.named_parameters()}
for name, norm in norms.items():
    print(f"{name:<9} gradient norm {norm:.1e}")
for n, name in ((2, "layer 1"), (5, "layer 2"), (8, "output")):
    derivatives = spike_grad.derivative(fresh[n].mem - 1)  # at the last step
    print(f"{name:<8} mean surrogate derivative {derivatives.mean():.4f}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# Read from below:
#
# - `7.bias` gets the most. Its neurons are silent, but the surrogate derivative is nowhere zero: a whole threshold
#   below firing it is $1/26^2 = 1/676$.
# - `7.weight` gets exactly nothing. The gradient of a weight is the error times the *input spike*, and layer 2 sent none with this seed.
# - `3.bias` gets several hundred times less than `7.bias`: the error has passed layer 2, where most neurons are
#   nearly a whole threshold away.
# - `0.weight` and `0.bias` get still less: their error has passed one more layer.
#
# </details>
#
# So the network is **silent**, yet not **dead**: the gradient is tiny, not zero. Notebook 01 drew this line.
#
# ### What would make it speak?
#
# Three numbers decide: a gain on all weights and biases, the threshold, and $\beta$, since a constant current $I$ lifts a
# membrane up to $I/(1-\beta)$. Here is the network of seed 0 on ten handwritten digits.
#
# > **Try it.** Which of the three lets all layers fire? Can it be too much? For how many digits is one class ahead?

# %% tags=["claims", "hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Checked here
assert norms["7.weight"] == 0 and max(norms.values()) == norms["7.bias"]
assert 300 < norms["7.bias"] / norms["3.bias"] < 1000
assert 15 < norms["3.bias"] / norms["0.bias"] < 40
assert 5 < norms["3.weight"] / norms["0.weight"] < 20 and norms["0.weight"] > 0
assert abs(1 / spike_grad.derivative(torch.tensor(-1.0)).item() - 676) < 0.1
means = [spike_grad.derivative(fresh[n].mem - 1).mean() for n in (2, 5)]
assert means[0] > 2 * means[1] and means[1] < 1.5 / 676
assert abs(loss.item() - torch.tensor(10.0).log().item()) < 1e-5

# %%
explorers.rates()

# %% [markdown]
# <details><summary>Answer</summary>
#
# Each of them does: a large gain, a low threshold, or $\beta = 0.9$, though then the output hardly fires. At a gain of 4, one
# class is ahead for most digits. At 32, all layers fire more, but for every digit at least two classes tie for the most
# spikes.
#
# </details>
#
# So nothing is wrong with the wiring. PyTorch's weights were made for networks without thresholds; here they are too
# small.
#
# > **Exercise 3: weights for thresholds.** Keep the threshold at 1 and multiply all weights and biases instead, by one
# > number. Which number gives, in every layer, exactly the spikes of a threshold of 0.25?

# %% tags=["exercise"]
# Yours to edit: a number in place of the three dots.
my_factor = ...

# %%
exercises.check("02-factor", my_factor)

# %% [markdown]
# <details><summary>Hint</summary>
#
# Write the update with $U/\theta$ in place of $U$. What happens to the current? What comes into layer 2?
#
# </details>
#
# <details><summary>Solution</summary>
#
# With $V = U/\theta$ the update is $V[t] = \beta V[t-1] + I[t]/\theta - R[t]$, and a spike comes where $V > 1$. So each
# current grows by $1/\theta$. What a layer passes on is a spike, 0 or 1, so the factors of two layers do not multiply.
#
# ```python
# factor_solved = 1 / 0.25
# ```
#
# </details>
#
# Do the two also learn alike? We compare the norm of the gradient of each layer's weights, for the lower threshold, for
# the larger weights, and for the larger weights with a slope $k$ smaller by the same factor.
#
# > **Predict.** The same spikes, so the same gradients? In the third setting, which layers agree with the first?

# %%
def gradients(gain, threshold, slope=25):
    torch.manual_seed(0)
    spike_grad = surrogate.fast_sigmoid(slope)
    net = networks.conv_net(beta, spike_grad, threshold=threshold)
    louder(net, gain)
    spk_rec, _ = simulation.forward_pass(net, num_steps, images[:32])
    SF.ce_rate_loss()(spk_rec, targets[:32]).backward()
    return [round(net[n].weight.grad.norm().item(), 4) for n in (0, 3, 7)]

# %% tags=["hide-output"]
factor = exercises.accepted("02-factor", my_factor)
settings = {
    "lower threshold": (1, 0.25), "larger weights": (factor, 1),
    "and smaller slope": (factor, 1, 25 / factor),
}
found = {name: gradients(*setting) for name, setting in settings.items()}
for name, by_layer in found.items():
    print(f"{name:<18} layers 1, 2, output: {by_layer}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# No: the surrogate goes by the distance from the threshold, and all distances have grown by the factor. With the smaller
# slope, the last layer gets the same gradient as with the lower threshold. (Its weights are four times larger, so the same
# update changes them four times less in proportion.) Each layer below gets a gradient that is larger by the factor once
# more, as it comes down through larger weights.
#
# </details>
#
# > **Exercise 4: wake it up.** Write `my_wake(net)`. It changes the weights and biases of a fresh network, without
# > looking at any image, so that all three layers fire *before* any training. Change them in place, or return the
# > changed network; threshold and decay stay as they are. The check draws three networks and runs each for 20 steps on
# > 30 *printed* digits, shifted and dimmed at random. For every network:
# >
# > - each layer fires at a rate of at least 0.5 %;
# > - the output depends on the image: the 30 rows of ten spike counts contain at least 10 different rows;
# > - for at least 30 % of the digits, one class has more spikes than any other.

# %% tags=["claims", "hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Checked here
explore = explorers.rates().compute
for moved in ({"gain": 4.0}, {"threshold": 0.25}, {"beta": 0.9}):
    found_rates = explore(**({"gain": 1.0, "threshold": 1.0, "beta": 0.5} | moved)).rates
    assert min(found_rates) > 0 and ("beta" not in moved or found_rates[2] < 0.001)
assert explore(4.0, 1.0, 0.5).decided > 0.5 and explore(32.0, 1.0, 0.5).decided == 0
assert all(a < b for a, b in zip(explore(4.0, 1.0, 0.5).rates, explore(32.0, 1.0, 0.5).rates))
low, large, scaled = torch.tensor(list(found.values()))
assert (large[1:] < 0.9 * low[1:]).all()
assert torch.allclose(scaled / low, torch.tensor([16.0, 4.0, 1.0]), rtol=0.05)  # rounded

# %% tags=["exercise"]
def my_wake(net):
    # Yours to edit. The layers with weights are net[0], net[3] and net[7].
    ...

# %%
exercises.check("02-wake", my_wake)

# %% [markdown]
# <details><summary>Hint</summary>
#
# Change each `p` of `net.parameters()` with `p.mul_(...)` under `torch.no_grad()`. Too much is as bad as too little: when
# several outputs fire at every step, none is ahead.
#
# </details>
#
# <details><summary>Solution</summary>
#
# The factor of the exercise before does it. So does `nn.init.kaiming_normal_` on the weights, or 0.6 added to every bias (0.3 is
# too little, 3 too much).
#
# ```python
# def solved_wake(net):
#     with torch.no_grad():
#         for p in net.parameters():
#             p.mul_(4)
# ```
#
# </details>
#
# On the digits of this notebook:

# %%
wake = exercises.accepted("02-wake", my_wake)
torch.manual_seed(0)
loud = networks.conv_net(beta=beta, spike_grad=spike_grad)
loud = wake(loud) or loud  # changed in place, or returned
record = simulation.record_spikes(loud, num_steps, images)
print([f"{spk.mean().item():.1%}" for spk in record.values()])

# %% [markdown]
# The other way is to train the network out of its silence. Its loss is $\ln 10 = 2.303$, the value for ten equal scores,
# and its gradients are tiny. Tutorial 6 starts from here, and it does learn.

# %% [markdown]
# ## Summary
#
# - 12C5-MP2-64C5-MP2-1024FC10 has 29,826 parameters, most of them in the second convolution.
# - Written as a class or as `nn.Sequential`, it is the same network, to the last bit of its spikes and membranes.
# - A state is started once per run: not at every step, and not never. What old membranes change need not fade while
#   neurons fire.
# - Before training, the output was silent with each of five seeds; the accuracy is then the share of zeros.
# - Silence is not death: the surrogate leaves a tiny gradient.
#
# **What comes next.** [Training](03_training.ipynb): which loss, which accuracy, and how a silent network learns.
#
# **Further reading.** [Eshraghian et al. 2023](https://doi.org/10.1109/JPROC.2023.3308088), the paper
# behind snnTorch; [LeCun et al. 1998](https://doi.org/10.1109/5.726791), the paper behind MNIST.
