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
# [Open in Colab](https://colab.research.google.com/github/OWNER/snn-course/blob/main/notebooks/02_convolutional_snn.ipynb)
#
# **You will**
#
# - read the shorthand 12C5-MP2-64C5-MP2-1024FC10 and derive every shape and parameter from it;
# - write the network twice, as a class with explicit states and as `nn.Sequential`, and prove the two equal;
# - see two ways in which such a network loses its memory, or keeps too much of it;
# - measure how often each layer fires before any training, and what that leaves for the gradient.
#
# **You need** the neuron of [notebook 00](00_spiking_neuron.ipynb), the surrogate gradient of
# [notebook 01](01_surrogate_gradients.ipynb), and `nn.Conv2d` from PyTorch.
#
# **Time**: about 60 minutes to read and try, one minute to run.

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
import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F
from torch import nn

import tutorial_lib as snn
from course_kit import exercises
from tutorial_lib import data, networks, simulation, surrogate, utils
from tutorial_lib import functional as SF
from tutorial_lib import plotting as splt

# %% [markdown]
# ## The data
#
# `data.load` looks for MNIST: in a folder that you name, in its cache, on the web. Without a network it takes
# the small set of handwritten digits that scikit-learn carries. It prints which one it took, and why.

# %%
digits = data.load()
loaders = data.loaders(digits, batch_size=128)
torch.manual_seed(0)  # the order of the batches follows the seed
images, targets = next(iter(loaders.train))

# %% [markdown]
# A batch has the shape `[B, 1, 28, 28]`: 128 images, one gray channel, 28 by 28 pixels between 0 and 1.
# There are three sets. You train on the first, choose on the second, and report on the third, once.

# %%
print("batch  ", list(images.shape), "from", images.min().item(), "to", images.max().item())
print("samples", {name: len(getattr(digits, name)) for name in ("train", "val", "test")})
assert images.shape == (128, 1, 28, 28)
assert images.min() >= 0 and images.max() <= 1

# %%
fig, axes = plt.subplots(1, 10, figsize=(9, 1.4), layout="constrained")
for ax, image, target in zip(axes, images, targets, strict=False):
    ax.imshow(image[0], cmap="gray", vmin=0, vmax=1)
    ax.set_title(int(target), fontsize=11)
    ax.set_axis_off()
splt.show("Handwritten digits from the training set in a row, with their labels above them.")

# %% [markdown]
# These are still images. The network wants something at each of its 50 time steps.
# The plainest answer is to inject the same image as a current at every step.
# That is **constant-current encoding**; [notebook 00](00_spiking_neuron.ipynb) compared it with rate and
# latency codes. No spikes go in. The first layer of neurons makes them.

# %% [markdown]
# ## The architecture
#
# The shorthand reads from left to right:
#
# - **12C5**: a convolution with 12 filters of 5 by 5 pixels;
# - **MP2**: max-pooling over 2 by 2 pixels;
# - **64C5**, **MP2**: the same again with 64 filters;
# - **1024FC10**: a fully connected layer from 1,024 inputs to 10 outputs.
#
# A layer of leaky neurons follows each pooling, and one follows the fully connected layer.
#
# > **Predict.** A 5 by 5 filter slides over a 28 by 28 image without padding. What is left? Go on to
# > the end: why 1,024?

# %%
layers = [nn.Conv2d(1, 12, 5), nn.MaxPool2d(2), nn.Conv2d(12, 64, 5), nn.MaxPool2d(2)]
layers += [nn.Flatten(), nn.Linear(1024, 10)]
x = images[:1]
for layer in layers:
    x = layer(x)
    weights = sum(p.numel() for p in layer.parameters())
    print(f"{layer.__class__.__name__:<10} {str(list(x.shape[1:])):<14} {weights:>7,} parameters")

# %% [markdown]
# Each convolution takes off 4 pixels, each pooling halves: $28 \to 24 \to 12 \to 8 \to 4$.
# The last maps are 4 by 4, and there are 64 of them: $64 \cdot 4 \cdot 4 = 1024$.
#
# The parameters add up as follows. A filter has one weight per pixel and input channel, and one bias.

# %%
conv1 = 12 * (1 * 5 * 5 + 1)
conv2 = 64 * (12 * 5 * 5 + 1)
fc1 = 10 * (64 * 4 * 4 + 1)
print(f"{conv1:,} + {conv2:,} + {fc1:,} = {conv1 + conv2 + fc1:,}")
assert (conv1, conv2, fc1) == (312, 19_264, 10_250)
total = sum(p.numel() for layer in layers for p in layer.parameters())
assert conv1 + conv2 + fc1 == total == 29_826

# %% [markdown]
# > **Exercise 1: another size.** A smaller network for the same images is 6C3-MP2-16C3-MP2-?FC10. How many
# > parameters does it have, biases included?

# %% tags=["exercise"]
# Yours to edit: a number in place of the three dots.
my_parameters = ...

# %%
exercises.check("02-parameters", my_parameters)

# %% [markdown]
# <details><summary>Hint</summary>
#
# Follow the size of the maps first. `nn.MaxPool2d(2)` drops the last row of an odd size.
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
# Where does the work go? Count the multiplications of one time step: weights of a filter times the
# positions that it visits.

# %%
macs = {"conv1": 24 * 24 * 12 * 25, "conv2": 8 * 8 * 64 * 12 * 25, "fc1": 1024 * 10}
for name, count in macs.items():
    print(f"{name}: {count:>9,} ({count / sum(macs.values()):.0%})")
assert 0.12 < macs["conv1"] / sum(macs.values()) < 0.13

# %% [markdown]
# The first convolution sees the same image at every step, so 49 of its 50 results are repeats: nearly
# an eighth of all multiplications. It is the price of a program that is simple to read. Keep it in mind.

# %% [markdown]
# ## The network as a class
#
# The class holds the layers. The settings are those of tutorial 6: decay $\beta = 0.5$, threshold
# $\theta = 1$, a fast sigmoid of slope 25 on the backward pass, 50 time steps.

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
# One time step takes the membranes in and gives the new ones back: **explicit state**.
# Pooling acts on the *currents*, before the neurons fire. Pooled spikes would only say whether any of four
# neurons fired; pooled currents keep how strongly the best of them is driven.


# %%
class OneStep(Layers):
    def step(self, x, mem1, mem2, mem3):
        cur1 = F.max_pool2d(self.conv1(x), 2)
        spk1, mem1 = self.lif1(cur1, mem1)
        cur2 = F.max_pool2d(self.conv2(spk1), 2)
        spk2, mem2 = self.lif2(cur2, mem2)
        cur3 = self.fc1(spk2.flatten(1))
        spk3, mem3 = self.lif3(cur3, mem3)
        return spk3, mem1, mem2, mem3


# %% [markdown]
# `spk2.flatten(1)` keeps the batch axis and flattens the rest, whatever the batch size.
# A fixed size, as in `spk2.view(128, -1)`, breaks on the last batch of an epoch, which is smaller.
#
# ### Spot the fault
#
# Now the loop over time. Tutorial 6 writes its class as below, and the loop stands outside: at each of 50 steps, the
# program calls `spk, mem = net(images)`. Something is wrong with it.


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

# %%
torch.manual_seed(0)
net = Published()
with torch.no_grad():
    calls = torch.stack([net(images)[1] for _ in range(5)])
print("largest change between two calls:", (calls[1:] - calls[:-1]).abs().max().item())
assert torch.equal(calls[0], calls[4])

# %% [markdown]
# It does not change at all. Fifty steps are one step, fifty times.

# %%
exercises.predict("02-spot-memory")

# %% [markdown]
# The class is printed in tutorial 6, but never trained there: the `nn.Sequential` version is, and that one
# keeps its states.
#
# ### A class with memory
#
# The remedy is to put the loop *inside* `forward`, between the start of the states and the end of the run.
# The class then returns the whole record, `[T, B, 10]`, with time first.


# %%
class ConvSNN(OneStep):
    def forward(self, x, num_steps):
        mem1 = self.lif1.init_leaky()
        mem2 = self.lif2.init_leaky()
        mem3 = self.lif3.init_leaky()
        spk_rec, mem_rec = [], []
        for _ in range(num_steps):
            spk3, mem1, mem2, mem3 = self.step(x, mem1, mem2, mem3)
            spk_rec.append(spk3)
            mem_rec.append(mem3)
        return torch.stack(spk_rec), torch.stack(mem_rec)


# %%
torch.manual_seed(0)
net = ConvSNN()
with torch.no_grad():
    spk_rec, mem_rec = net(images, num_steps)
assert torch.equal(mem_rec[0], calls[0]) and not torch.equal(mem_rec[1], mem_rec[0])

neuron = mem_rec[-1, 0].argmax()  # the most driven output neuron for the first image
fig, ax = plt.subplots(figsize=(6, 2.6), layout="constrained")
ax.plot(range(5), calls[:, 0, neuron], **splt.style.curve(1), label="without memory (5 calls)")
ax.plot(range(10), mem_rec[:10, 0, neuron], **splt.style.curve(0), label="with memory")
splt.style.dress(ax, "Time step", splt.style.MEMBRANE)
ax.legend()
splt.show("Without memory the membrane is a flat line; with memory it starts there and then moves.")

# %% [markdown]
# Both start at the same value. Only the second class, `ConvSNN`, remembers it: its membrane moves on from there.
#
# > **Take-away.** A state must be started once per sample, not once per step. Where the loop over time
# > stands decides which of the two you have written.
#
# > **Exercise 2: memory by hand.** There is another remedy. Leave the loop outside, and let the *caller* keep the
# > state. A call is one step: `spk, state = net(x, state)` returns the spikes of `lif2` and the new state, one value of
# > any kind. `net(x)` starts from rest, for a batch of any size. Two runs must not disturb each other, and the gradient
# > has to reach back through all steps. Write `forward`; leave the layers as they are.


# %% tags=["exercise"]
class MyNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(20, 30)
        self.lif1 = snn.Leaky(beta=0.9)
        self.fc2 = nn.Linear(30, 10)
        self.lif2 = snn.Leaky(beta=0.9)

    def forward(self, x, state=None):
        # Yours to edit: one step. Return the spikes of lif2, and what the next call needs.
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

# %% [markdown]
# ## The network as `nn.Sequential`
#
# Six lines of bookkeeping go to the states. With `init_hidden=True`, a layer keeps its membrane to itself
# and passes only spikes on, so it fits between other layers.
# `output=True` makes the last layer return its membrane as well.

# %%
seq = nn.Sequential(
    nn.Conv2d(1, 12, 5),
    nn.MaxPool2d(2),
    snn.Leaky(beta=beta, spike_grad=spike_grad, init_hidden=True),
    nn.Conv2d(12, 64, 5),
    nn.MaxPool2d(2),
    snn.Leaky(beta=beta, spike_grad=spike_grad, init_hidden=True),
    nn.Flatten(),
    nn.Linear(64 * 4 * 4, 10),
    snn.Leaky(beta=beta, spike_grad=spike_grad, init_hidden=True, output=True),
)

# %% [markdown]
# A call is one time step: `spk, mem = seq(images)`. So the loop stands outside again. This time that is
# fine, since the layers remember. But now *you* must say when a new run begins: `utils.reset(seq)`.


# %%
def forward_pass(net, num_steps, data):
    utils.reset(net)  # every hidden membrane back to its start
    spk_rec, mem_rec = [], []
    for _ in range(num_steps):
        spk, mem = net(data)
        spk_rec.append(spk)
        mem_rec.append(mem)
    return torch.stack(spk_rec), torch.stack(mem_rec)


# %% [markdown]
# Are the two networks the same? Copy the weights over and compare everything: spikes, membranes, and the
# gradient of each weight. To have some spikes to compare, make the weights five times larger first.

# %%
with torch.no_grad():
    for ours, theirs in zip(seq.parameters(), net.parameters(), strict=True):
        ours.copy_(theirs.mul_(5))

spk_class, mem_class = net(images[:16], 20)
spk_seq, mem_seq = forward_pass(seq, 20, images[:16])
print("output spikes:", int(spk_class.sum()), "and", int(spk_seq.sum()))
assert spk_class.sum() > 0
assert torch.equal(spk_class, spk_seq) and torch.equal(mem_class, mem_seq)

# %%
mem_class.sum().backward()
mem_seq.sum().backward()
for (name, ours), theirs in zip(net.named_parameters(), seq.parameters(), strict=True):
    print(f"{name:<13} gradient norm {ours.grad.norm():.3e}")
    assert ours.grad.norm() > 0
    torch.testing.assert_close(ours.grad, theirs.grad)

# %% [markdown]
# They are one network, written in two ways. Choose the class when data flows in unusual ways or when you
# want to see every state. Choose `nn.Sequential` when layer simply follows layer.
#
# The library has the function above as `simulation.forward_pass` (it checks its input, too), and the
# network as `networks.conv_net`. The next notebooks use them.

# %%
spk_lib, mem_lib = simulation.forward_pass(seq, 20, images[:16])
assert torch.equal(spk_lib, spk_seq) and torch.equal(mem_lib, mem_seq)

# %% [markdown]
# ## What happens without `reset`
#
# > **Predict.** You run the same images twice through `seq`, and leave `utils.reset` out the second time.
# > Do you get the same membranes?

# %%
with torch.no_grad():
    utils.reset(seq)
    first = torch.stack([seq(images)[1] for _ in range(5)])
    again = torch.stack([seq(images)[1] for _ in range(5)])  # reset forgotten
    utils.reset(seq)
    proper = torch.stack([seq(images)[1] for _ in range(5)])
print("without reset, the first step differs by up to", (first[0] - again[0]).abs().max().item())
assert torch.equal(first, proper) and not torch.equal(first, again)

# %% [markdown]
# <details><summary>Answer</summary>
#
# No. The second run starts from the membranes that the first one left behind. In training, each batch would
# carry traces of the batch before it: of *other images*. Nothing crashes, the results are just wrong. (The trace
# fades by $\beta$ per step. But the first steps are off, here by several thresholds, as the weights are large.)
#
# </details>
#
# Two other symptoms do stop you. The first is a batch of another size:

# %%
try:
    seq(images[:7])
except ValueError as error:
    print(error)
else:
    raise AssertionError("a batch of another size must be refused")

# %% [markdown]
# The second comes from backpropagation through time. The old membranes still hang on the graph of the old
# batch, and that graph is gone after its `backward()`.

# %%
utils.reset(seq)
seq(images[:4])[1].sum().backward()
try:
    seq(images[:4])[1].sum().backward()  # reset forgotten
except RuntimeError as error:
    print(str(error).split(" (")[0])
else:
    raise AssertionError("the second backward must fail")

# %% [markdown]
# > **Take-away.** "Trying to backward through the graph a second time" in a spiking network nearly always
# > means: a state was not reset between two batches.

# %% [markdown]
# ## How often does each layer fire?
#
# Before you train a network, look at its spikes. Take a fresh one, with PyTorch's default weights.

# %%
exercises.predict("02-silent")

# %%
torch.manual_seed(0)
fresh = networks.conv_net(beta=beta, spike_grad=spike_grad)
spikes = simulation.record_spikes(fresh, num_steps, images)
layers = ("layer 1, 12x12x12", "layer 2,   64x4x4", "output,        10")
for title, (name, record) in zip(layers, spikes.items(), strict=True):
    rate = record.mean().item()
    print(f"{title} (net[{name}]): {int(record.sum()):>6} spikes, rate {rate:.2%}")

# %% [markdown]
# The first layer fires at well under a tenth of its possible rate, the second hardly or never, the output not
# at all. Each layer needs spikes from the layer below to reach its threshold, and there are fewer at every stage.
#
# Was this one unlucky draw? Ask five seeds.

# %%
rates = []
for seed in range(5):
    torch.manual_seed(seed)
    fresh = networks.conv_net(beta=beta, spike_grad=spike_grad)
    record = simulation.record_spikes(fresh, num_steps, images)
    rates.append([spikes.mean().item() for spikes in record.values()])
rates = torch.tensor(rates)
assert (rates[:, 0] > 0.001).all() and (rates[:, 0] < 0.1).all()
assert (rates[:, 1] < 2e-4).all() and (rates[:, 2] == 0).all()

# %%
fig, ax = plt.subplots(figsize=(6, 2.8), layout="constrained")
for seed, row in enumerate(rates):
    ax.plot(range(3), row, **splt.style.curve(seed), label=f"seed {seed}")
ax.set_yscale("symlog", linthresh=1e-6)
ax.set_ylim(-2e-7, 1)
ax.set_xticks(range(3), ["layer 1", "layer 2", "output"])
splt.style.dress(ax, ylabel="Spikes per neuron and step")
ax.legend(ncols=2)
splt.show("The spike rate falls from layer to layer for every seed, to silence at the output.")

# %% [markdown]
# The output layer is silent for every seed. What does an untrained, silent network score?

# %%
torch.manual_seed(0)
fresh = networks.conv_net(beta=beta, spike_grad=spike_grad)
spk_rec, mem_rec = simulation.forward_pass(fresh, num_steps, images)
accuracy, decided = SF.accuracy_rate(spk_rec, targets), SF.decision_rate(spk_rec)
zeros = (targets == 0).float().mean().item()
print(f"accuracy {accuracy:.1%}, zeros among the labels {zeros:.1%}, decided {decided:.0%}")
assert decided == 0 and abs(accuracy - zeros) < 1e-6

# %% [markdown]
# The accuracy looks like guessing, but nothing was guessed. With no spikes, all ten counts are tied at zero,
# and the first of the tied classes wins: class 0. The "accuracy" is the share of zeros in the batch.
# (`accuracy_rate` breaks ties as snnTorch does. `predict_rate`, from notebook 01, answers -1 instead.)
# That is why this course prints the **decision rate** beside every accuracy: the share of images for which one class
# has more spikes than any other.
#
# ### Silent, but not dead
#
# How close is the output to firing, and what reaches the weights?

# %%
loss = SF.ce_rate_loss()(spk_rec, targets)
loss.backward()
print(f"highest output membrane {mem_rec.max().item():.3f} of 1, loss {loss.item():.4f}")
for name, p in fresh.named_parameters():
    print(f"{name:<9} gradient norm {p.grad.norm().item():.1e}")

# %%
norms = {name: p.grad.norm().item() for name, p in fresh.named_parameters()}
assert mem_rec.max() < 0.2
assert abs(loss.item() - torch.tensor(10.0).log().item()) < 1e-5
assert norms["7.weight"] == 0 and norms["7.bias"] > 0
assert 0 < norms["0.weight"] < 1e-6

# %% [markdown]
# Read the list from below.
#
# - `7.bias` learns. The output neurons are silent, but the surrogate's tail still reaches them.
# - `7.weight` gets a gradient of exactly zero. The gradient of a weight is the error times the *input spike*,
#   and layer 2 sent no spike at all. (With another seed, it may send a handful.)
# - `0.weight`, the first layer, gets something, but next to nothing. On its way down the error passes three
#   surrogates. A neuron that sits a whole threshold below firing passes on only
#   $1/(1+25)^2 = 1/676$ of it, and three such factors multiply.
#
# So the network is **silent**, yet not **dead**: the derivative is small, not zero.
# [Notebook 01](01_surrogate_gradients.ipynb) drew this line; here it decides whether training starts at all.

# %%
factor = surrogate.fast_sigmoid(slope=25).derivative(torch.tensor(-1.0)).item()
print(f"one layer: 1/{1 / factor:.0f}, three layers: {factor**3:.1e}")
assert abs(1 / factor - 676) < 0.1

# %% [markdown]
# ### What would make it speak?
#
# Lower thresholds would, for one. The weights stay as they are:

# %%
for threshold in (1.0, 0.5, 0.2):
    torch.manual_seed(0)
    lower = networks.conv_net(beta=beta, spike_grad=spike_grad, threshold=threshold)
    record = simulation.record_spikes(lower, num_steps, images)
    shares = [f"{spikes.mean().item():.1%}" for spikes in record.values()]
    print(f"threshold {threshold:.1f}:", shares)
assert record[list(record)[-1]].sum() > 0

# %% [markdown]
# At a threshold of 0.2, all three layers fire. So nothing is wrong with the wiring:
# PyTorch's default weights were made for networks without thresholds, and here they are too small.
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
# Divide the update by $\theta$: with $V = U/\theta$ it is $V[t] = \beta V[t-1] + I[t]/\theta - R[t]$, and the spike
# comes where $V > 1$. So the current of each layer grows by $1/\theta$. What a layer passes on is a spike, 0 or 1, so
# the factors of two layers do not multiply.
#
# ```python
# factor_solved = 1 / 0.25
# ```
#
# </details>
#
# > **Exercise 4: wake it up.** Write `my_wake(net)`. It changes the weights and biases of a fresh network, without
# > looking at any image, so that all three layers fire *before* any training. Change them in place, or return the
# > changed network; threshold and decay stay as they are. The check draws three networks and runs each for 20 steps on
# > 30 *printed* digits, each in another place and brightness. For every network:
# >
# > - each layer fires at a rate of at least 0.5 %;
# > - the output depends on the image: at least 10 of the 30 rows of ten counts are different;
# > - for at least 30 % of the digits, one class has more spikes than any other.


# %% tags=["exercise"]
def my_wake(net):
    # Yours to edit. The layers with weights are net[0], net[3] and net[7].
    ...


# %%
exercises.check("02-wake", my_wake)

# %% [markdown]
# <details><summary>Hint</summary>
#
# Under `torch.no_grad()`, each parameter `p` of `net.parameters()` can be changed with `p.mul_(...)`. Too much is as
# bad as too little: when several outputs fire at every step, none is ahead.
#
# </details>
#
# <details><summary>Solution</summary>
#
# The factor of the exercise before does it. So does `nn.init.kaiming_normal_`, doubled, or a larger bias.
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
# See it on the digits of this notebook:

# %%
wake = exercises.accepted("02-wake", my_wake)
torch.manual_seed(0)
loud = networks.conv_net(beta=beta, spike_grad=spike_grad)
loud = wake(loud) or loud
spikes = simulation.record_spikes(loud, num_steps, images).values()
print([f"{record.mean().item():.1%}" for record in spikes])

# %% [markdown]
# > **Try it.** Raise `beta` to 0.9 in place of the weights. A constant current $I$ can lift a membrane up to
# > $I/(1-\beta)$: it is doubled at $\beta = 0.5$, and multiplied by ten at 0.9. Which layers speak now?
#
# <details><summary>Answer</summary>
#
# Layers 1 and 2 do, at a few percent. The output hardly does: what reaches it is still little, and the longer memory
# can only add up what comes.
#
# </details>
#
# The other way is to train the network out of its silence. The loss is $\ln 10 = 2.303$, the value for ten equal
# scores, and the gradients are as small as you have seen. Tutorial 6 starts from here, and it does learn.
# [The next notebook](03_training.ipynb) asks how that can be.

# %% [markdown]
# ## Summary
#
# - 12C5-MP2-64C5-MP2-1024FC10 has 29,826 parameters; nearly two thirds of them sit in the second convolution.
# - A class with explicit states and an `nn.Sequential` with hidden ones are the same network, to the last bit.
# - A state is started once per sample: not at every step (no memory), and not never (memories of other images).
# - At its start, the network's output is silent on every seed; its accuracy is the share of zeros.
# - Silence is no death sentence: the surrogate leaves a gradient, but a tiny one.
#
# **What comes next.** [Training](03_training.ipynb): which loss, which accuracy, and how the network
# finds its voice.
#
# **Further reading.** [Eshraghian et al. 2023](https://doi.org/10.1109/JPROC.2023.3308088), the paper
# behind snnTorch; [LeCun et al. 1998](https://doi.org/10.1109/5.726791), the paper behind MNIST.
