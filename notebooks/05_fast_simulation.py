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
# # Fast simulation, same results
#
# [Open in Colab](https://colab.research.google.com/github/OWNER/snn-course/blob/main/notebooks/05_fast_simulation.ipynb) (leads nowhere yet: this copy of the course has no address)
#
# **You will**
#
# - take the loop over time apart, and find out what of it has to be a loop;
# - climb from the naive loop to a layer-by-layer simulation, and prove at each rung that nothing has changed;
# - write the neuron's whole run as one autograd function, forward and backward;
# - measure time and memory against the number of steps, and ask how many steps are needed at all.
#
# **You need** backpropagation through time from [notebook 01](01_surrogate_gradients.ipynb), the training of
# [notebook 03](03_training.ipynb), and the network of [notebook 02](02_convolutional_snn.ipynb), which is that of
# [tutorial 6](https://snntorch.readthedocs.io/en/latest/tutorials/tutorial_6.html) of snnTorch.
#
# **Time**: about an hour to read and try, two to three minutes to run on one or two cores, most of it for the trainings at
# the end.
#
# > **Note.** Folded cells hold the code of figures, and checks of the numbers in the text. After you change a value
# > above, such a check may stop with an `AssertionError`. That is no fault of yours: go on below it.

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
import itertools
import time

import matplotlib.pyplot as plt
import torch
from torch import nn

import tutorial_lib as snn
from course_kit import exercises, explorers, figures
from tutorial_lib import data, networks, simulation, surrogate, training, utils
from tutorial_lib import functional as SF
from tutorial_lib.plotting import style

# %% [markdown]
# ## The starting line
#
# A batch of 32 images, 50 steps. The weights are three times PyTorch's default ones, so that every layer fires and
# equal results mean something.

# %%
digits = data.load()
training.seed_everything(0)
images, targets = next(iter(data.loaders(digits, batch_size=32).train))
num_steps, beta = 50, 0.5
spike_grad = surrogate.fast_sigmoid(slope=25)

# %%
torch.manual_seed(0)
net = networks.conv_net(beta=beta, spike_grad=spike_grad)
with torch.no_grad():
    for p in net.parameters():
        p.mul_(3)
conv1, pool, lif1, conv2, _, lif2, flatten, fc1, lif3 = net


# %% [markdown]
# **Rung 0** is the loop of the notebooks before: at each step, the image goes through every layer.


# %%
def naive_loop(images):
    utils.reset(net)
    spk_rec = []
    for _ in range(num_steps):
        spk, _ = net(images)
        spk_rec.append(spk)
    return torch.stack(spk_rec)


# %% [markdown]
# Each rung below has to answer three questions. Are the spikes the same? Are the gradients the same? What does a
# training step cost, in time and in what autograd keeps for the backward pass? For the last one, PyTorch calls a hook
# of yours for every tensor that it saves.


# %%
def training_step(run):
    net.zero_grad()
    spk_rec = run(images)
    SF.ce_rate_loss()(spk_rec, targets).backward()
    return spk_rec.detach(), [p.grad.clone() for p in net.parameters()]


# %%
def saved_megabytes(run):
    sizes = {}

    def pack(tensor):
        storage = tensor.untyped_storage()
        sizes[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda x: x):
        record = run(images)  # while it lives, so does what it keeps
    return sum(sizes.values()) / 1e6 if record.requires_grad else 0.0


# %% [markdown]
# Times scatter: another program wakes up, and a step takes twice as long. So the two candidates run in turn, several
# times, and the median of their ratios counts.


# %%
def times_as_fast(new, old, rounds=5):
    seconds = []
    for _ in range(rounds + 1):
        for run in (old, new):
            start = time.perf_counter()
            training_step(run)
            seconds.append(time.perf_counter() - start)
    pairs = torch.tensor(seconds[2:]).view(-1, 2)  # the first round warms up
    return (pairs[:, 0] / pairs[:, 1]).median().item()


# %% [markdown]
# `climb` demands equality before it measures anything. A faster program with other results is another program.

# %%
reference = training_step(naive_loop)
ladder = {"naive": (1.0, saved_megabytes(naive_loop))}  # speed, MB kept


def climb(name, run, below, old):
    spikes, gradients = training_step(run)
    assert torch.equal(spikes, reference[0]), "other spikes"
    for mine, theirs in zip(gradients, reference[1], strict=True):
        atol = 1e-5 * theirs.abs().max().item()
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=atol)
    speed, memory = times_as_fast(run, old), saved_megabytes(run)
    ladder[name] = (speed * ladder[below][0], memory)
    print(f"{name}: {speed:.2f} times as fast as {below}, {memory:.0f} MB kept")


# %%
spikes = int(reference[0].sum())
print(f"naive: {spikes} output spikes, {ladder['naive'][1]:.0f} MB kept")

# %% [markdown]
# ## Rung 1: what does not change need not be repeated
#
# > **Predict.** The image is the same at every step. Which of the nine layers give the same output at all fifty steps?


# %%
@torch.no_grad()
def outputs_of_a_step():
    x, outputs = images, []
    for layer in net:
        x = layer(x)
        x = x[0] if isinstance(x, tuple) else x  # of (spk, mem)
        outputs.append(x)
    return outputs


utils.reset(net)
by_step = [outputs_of_a_step() for _ in range(num_steps)]

# %%
for layer, *outputs in zip(net, *by_step, strict=True):
    others = sum(not torch.equal(x, outputs[0]) for x in outputs)
    print(f"{type(layer).__name__:9}: {others} steps differ from step 0")

# %% [markdown]
# <details><summary>Answer</summary>
#
# Everything before the first neurons: the first convolution and its pooling. The first layer of *neurons* does not
# belong to it. Its input is constant, but its membrane is not.
#
# </details>

# %% tags=["claims", "hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Checked here
def check_layers():
    for number, *outputs in zip(range(9), *by_step, strict=True):
        assert (number < 2) == all(torch.equal(x, outputs[0]) for x in outputs)
    assert spikes > 0


check_layers()


# %%
def hoisted(images):
    utils.reset(net)
    cur1 = pool(conv1(images))  # once
    spk_rec = []
    for _ in range(num_steps):
        spk2 = lif2(pool(conv2(lif1(cur1))))
        spk_rec.append(lif3(fc1(flatten(spk2)))[0])
    return torch.stack(spk_rec)


climb("hoisted", hoisted, "naive", naive_loop)

# %% [markdown]
# Its gradients add up by themselves: autograd sums what comes back from all fifty uses of `cur1`.
#
# > **Exercise 1: what it can save.** Count before you measure. A convolution multiplies once for each weight of a
# > filter at each place of each of its output maps; a fully connected layer, once for each weight. What share of all
# > multiplications of a *forward pass* of 50 steps does it save to run the first convolution once? In percent, to one
# > decimal.

# %% tags=["exercise"]
# Yours to edit: a number in place of the three dots, such as 31.4 for 31.4 %.
my_share = ...

# %%
exercises.check("05-hoist-share", my_share)

# %% [markdown]
# <details><summary>Hint</summary>
#
# [Notebook 02](02_convolutional_snn.ipynb) counts the multiplications of one step: 172,800 + 1,228,800 + 10,240. Once
# is not never.
#
# </details>
#
# <details><summary>Solution</summary>
#
# ```python
# solved_share = 100 * 49 * 172_800 / (50 * (172_800 + 1_228_800 + 10_240))
# ```
#
# </details>
#
# A *training* step saves less of its multiplications. A layer then works three times: forward, for the gradient of
# its weights, and for that of its input. The first convolution works only twice, since nobody asks for the gradient of
# an image. By counting it saves 8.3 %, so a step could become 1.09 times as fast.
#
# `climb` may have found more than that, for multiplications are not all equally fast, and pooling has none. Here is one
# step, layer by layer. The pooling is saved along with its convolution.

# %%
print("milliseconds forward and backward, medians of 15")
layers = {"conv1": conv1, "its pooling": pool, "conv2": conv2}
inputs = images, conv1(images).detach(), by_step[9][2]
for (name, layer), x in zip(layers.items(), inputs, strict=True):
    x = x.clone().requires_grad_(name != "conv1")
    seconds = []
    for _ in range(15):
        start = time.perf_counter()
        out = layer(x)
        out.backward(torch.ones_like(out))
        seconds.append(time.perf_counter() - start)
    print(f"{name:11} {1000 * torch.tensor(seconds).median():.1f}")

# %% tags=["claims", "hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Checked here
def multiplications_in_a_step():
    from torch.utils.flop_counter import FlopCounterMode

    counts = []
    for layer, x in (conv1, images), (conv2, by_step[9][2]), (fc1, by_step[9][6]):
        x = x.clone().requires_grad_(layer is not conv1)
        with FlopCounterMode(display=False) as forward:
            out = layer(x)
        with FlopCounterMode(display=False) as backward:
            out.sum().backward()
        both = forward.get_total_flops(), backward.get_total_flops()
        counts.append([flops // 2 // len(images) for flops in both])
    return counts


def check_counts():
    (first, twice), *others = multiplications_in_a_step()
    assert [first, *(forward for forward, _ in others)] == [172_800, 1_228_800, 10_240]
    assert twice == first and all(b == 2 * f for f, b in others)
    total = first + twice + sum(f + b for f, b in others)
    saved = 0.98 * (first + twice) / total
    assert round(100 * saved, 1) == 8.3 and round(1 / (1 - saved), 2) == 1.09


check_counts()

# %% [markdown]
# ## Rung 2: time in the batch
#
# The second convolution has no memory. It does not care whether two images belong to two samples or to two
# moments. So run the first layer of neurons to the end, fold time into the batch, and convolve all steps at once.
#
# > **Exercise 2: fold and unfold.** Write a function that calls `layer`, which takes a batch `[N, ...]`, exactly once
# > for all steps of all samples. `x` is `[T, B, ...]`; so is the result, with the shape that the layer makes of the
# > rest. The ladder times training steps, so gradients have to flow back: to the layer's weights and to `x`.


# %% tags=["exercise"]
def my_over_time(layer, x):
    # Yours to edit. Fold T and B into one axis, call the layer, and unfold.
    ...


# %%
exercises.check("05-fold-time", my_over_time)

# %% [markdown]
# <details><summary>Hint</summary>
#
# `x.flatten(0, 1)` makes one axis of the first two, and `unflatten(0, (a, b))` makes two of the first. Take the
# numbers from the shape of `x`.
#
# </details>
#
# <details><summary>Solution</summary>
#
# ```python
# def solved_over_time(layer, x):
#     return layer(x.flatten(0, 1)).unflatten(0, x.shape[:2])
# ```
#
# </details>

# %%
over_time = exercises.accepted("05-fold-time", my_over_time)


def run_neurons(lif, currents):
    spk_rec = []
    for cur in currents:
        out = lif(cur)
        spk_rec.append(out[0] if isinstance(out, tuple) else out)
    return torch.stack(spk_rec)


# %%
def time_in_batch(images):
    utils.reset(net)
    spk1 = run_neurons(lif1, [pool(conv1(images))] * num_steps)
    cur2 = over_time(lambda spk: pool(conv2(spk)), spk1)
    spk2 = run_neurons(lif2, cur2)
    cur3 = over_time(lambda spk: fc1(flatten(spk)), spk2)
    return run_neurons(lif3, cur3)


climb("time in the batch", time_in_batch, "hoisted", hoisted)

# %% [markdown]
# This is the **layer-by-layer** schedule: layer 1 for all steps, then layer 2 for all steps. One large convolution
# takes the place of fifty small ones. On a GPU that is much of the win. On a CPU it can be little or nothing: small
# convolutions keep the cores busy already, and large ones leave the cache.
#
# Play both orders, for one image and five steps: which box is computed when, and what it adds to the memory.

# %%
explorers.schedules()

# %% [markdown]
# ## Rung 3: the neuron's run as one function
#
# What is left of the loop is the membrane, $U[t] = \beta U[t-1] + I[t] - \theta S[t-1]$. Autograd records
# several small operations for each step, and walks through all of them again on the way back. You know that way from
# [notebook 01](01_surrogate_gradients.ipynb): write it down, with the reset detached. Let $G[t]$ be the gradient of the
# loss with respect to $U[t]$. It has two sources, the spike at this step and the membrane at the next:
#
# $$ G[t] = \tilde S'\big(U[t]-\theta\big)\, \frac{\partial L}{\partial S[t]} + \beta\, G[t+1] $$ (eq:05-back)
#
# with the surrogate derivative $\tilde S'$.


# %%
def run_forward(currents, beta, threshold):
    mem_rec = torch.empty_like(currents)
    spk_rec = torch.empty_like(currents)
    mem = spk = torch.zeros_like(currents[0])
    for t, cur in enumerate(currents):
        mem = torch.mul(mem, beta, out=mem_rec[t])
        mem.add_(cur).sub_(spk, alpha=threshold)
        spk = torch.gt(mem, threshold, out=spk_rec[t])
    return spk_rec, mem_rec


# %%
class LeakyRun(torch.autograd.Function):
    @staticmethod
    def forward(ctx, currents, beta, threshold):
        ctx.beta, ctx.threshold = beta, threshold
        spk_rec, mem_rec = run_forward(currents, beta, threshold)
        ctx.save_for_backward(mem_rec)
        return spk_rec

    @staticmethod
    def backward(ctx, grad_spk):
        (mem_rec,) = ctx.saved_tensors
        return run_backward(mem_rec, grad_spk, ctx.beta, ctx.threshold)


# %%
def run_backward(mem_rec, grad_spk, beta, threshold):
    grad = spike_grad.derivative(mem_rec - threshold) * grad_spk
    for t in reversed(range(len(grad) - 1)):
        grad[t].add_(grad[t + 1], alpha=beta)  # G[t] += beta G[t+1]
    return grad, None, None  # beta and threshold are not learned


# %% [markdown]
# `grad` starts as the first term, for all steps at once. The loop from the last step down adds the second.
# The gradient of the current is $G$ itself, since $\partial U[t] / \partial I[t] = 1$.
#
# > **Predict.** Which of the two will change more from rung 2 to rung 3: the time of a training step, or the memory that
# > is kept for the way back? (Rung 2's graph keeps one tensor per step and layer, the overdrive $U[t] - \theta$, for the
# > surrogate.)


# %%
def one_function(images, neurons=LeakyRun):
    cur1 = pool(conv1(images)).expand(num_steps, -1, -1, -1, -1)
    spk1 = neurons.apply(cur1, beta, 1.0)
    cur2 = over_time(lambda spk: pool(conv2(spk)), spk1)
    spk2 = neurons.apply(cur2, beta, 1.0)
    cur3 = over_time(lambda spk: fc1(flatten(spk)), spk2)
    return neurons.apply(cur3, beta, 1.0)


climb("one function", one_function, "time in the batch", time_in_batch)

# %% [markdown]
# <details><summary>Answer</summary>
#
# If anything, time. Memory stays as it was: one tensor per step and layer, the membrane instead of the overdrive. What
# falls away is the bookkeeping of many small operations. How much of the time that is depends on your machine.
#
# </details>

# %% tags=["claims", "hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Checked here
def megabytes_kept(*names):
    return [ladder[name][1] for name in names]


def check_memory(naive, hoisted, batch, function):
    assert abs(function / batch - 1) < 0.05
    assert hoisted < naive


check_memory(*megabytes_kept("naive", "hoisted", "time in the batch", "one function"))

# %% [markdown]
# Nobody should trust a hand-written backward pass. `climb` has compared it with autograd in the network. Here it
# is alone, in double precision, on random currents:

# %%
generator = torch.Generator().manual_seed(0)
options = {"dtype": torch.float64, "generator": generator}
currents = torch.randn(20, 8, **options).requires_grad_()
weights = torch.randn(20, 8, **options)


def by_autograd(reset):
    mem, record = torch.zeros(8, dtype=torch.float64), []
    for cur in currents:
        spk, mem = snn.lif_step(cur, mem, 0.9, 1.0, spike_grad, reset)
        record.append((spk, mem))
    return map(torch.stack, zip(*record, strict=True))


# %%
spk_rec, _ = by_autograd("subtract")
(expected,) = torch.autograd.grad(spk_rec, currents, weights)
by_hand = LeakyRun.apply(currents, 0.9, 1.0)
(got,) = torch.autograd.grad(by_hand, currents, weights)
torch.testing.assert_close(got, expected, rtol=1e-12, atol=1e-12)
print(f"{int(by_hand.sum())} spikes, {got.numel()} gradients: equal")

# %% [markdown]
# > **Exercise 3: another reset, another way back.** With reset to zero, $U[t+1] = \beta\,(1 - S[t])\,U[t] + I[t+1]$.
# > The reset is detached: $S[t]$ in it is a number. Write the recursion for this neuron. `mem_rec` holds $U$ and
# > `grad_spk` holds $\partial L/\partial S$, both `[T, ...]`; return $G$ in the same shape, and leave both as they are.


# %% tags=["exercise"]
def my_backward(mem_rec, grad_spk, beta, threshold, spike_grad):
    # Yours to edit. spike_grad.derivative(x): the surrogate derivative at x.
    ...


# %%
exercises.check("05-backward-pass", my_backward)

# %% [markdown]
# <details><summary>Hint</summary>
#
# What is $\partial U[t+1] / \partial U[t]$ now, for a neuron that has fired at $t$, and for one that has not? The rest
# is as in [the recursion above](#eq:05-back).
#
# </details>
#
# <details><summary>Solution</summary>
#
# ```python
# def solved_backward(mem_rec, grad_spk, beta, threshold, spike_grad):
#     grad = spike_grad.derivative(mem_rec - threshold) * grad_spk
#     silent = (mem_rec <= threshold).to(grad.dtype)
#     for t in reversed(range(len(grad) - 1)):
#         # after a spike nothing of U[t] is left in U[t+1]
#         grad[t] += beta * silent[t] * grad[t + 1]
#     return grad
# ```
#
# </details>
#
# Here it is at work, as the backward pass of a run with the other reset:

# %%
backward = exercises.accepted("05-backward-pass", my_backward)
spk_rec, mem_rec = by_autograd("zero")
(expected,) = torch.autograd.grad(spk_rec, currents, weights)
got = backward(mem_rec.detach(), weights, 0.9, 1.0, spike_grad)
torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-6)
print(f"{int(spk_rec.sum())} spikes, {got.numel()} gradients: equal")

# %% [markdown]
# ## Rung 4: the library
#
# `simulation.forward_pass` does all of this, and two more things. What lies between two layers of neurons runs on a few
# hundred frames at a time, so that the pooling finds the convolution's result still in the cache. And the max-pooling
# keeps only where each maximum stood, not its whole input.


# %%
def library(images):
    return simulation.forward_pass(net, num_steps, images)[0]


climb("library", library, "one function", one_function)

# %% tags=["hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Code of the figure
fig, axes = plt.subplots(1, 2, figsize=(9, 3), layout="constrained", sharey=True)
labels = "Times as fast as naive", "Memory kept (MB)"
for ax, column, label in zip(axes, (0, 1), labels, strict=True):
    values = [row[column] for row in ladder.values()]
    bars = ax.barh(list(ladder), values, color=style.CURVES[column])
    ax.bar_label(bars, fmt="%.2f" if column == 0 else "%.0f", padding=3)
    ax.margins(x=0.15)
    style.dress(ax, label, "")
axes[0].invert_yaxis()
figures.show("Five rungs of the ladder: speed, and memory kept for the backward pass.")

# %% [markdown]
# All five send the same spikes, to the bit. The memory falls twice: where the first convolution and its pooling are kept
# once instead of fifty times, and where the library's pooling keeps places only.
#
# > **Take-away.** Ask of every operation whether it depends on time, and whether it has a memory. Only what has a
# > memory needs a loop.
#
# You have used this since [notebook 02](02_convolutional_snn.ipynb) without noticing. `schedule="step"` asks for the
# loop, `schedule="layer"` for layer by layer. The default runs a plain `nn.Sequential` layer by layer, and steps every
# class of yours.

# %% tags=["claims", "hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Checked here
assert ladder["library"][1] < 0.7 * ladder["one function"][1]

# %%
exercises.predict("05-layerwise")

# %% [markdown]
# Here is another one that does not allow it:

# %%
noisy = nn.Sequential(
    nn.Flatten(),
    nn.Dropout(0.5),
    nn.Linear(784, 10),
    snn.Leaky(beta=beta, init_hidden=True, output=True),
)
try:
    simulation.forward_pass(noisy, num_steps, images, schedule="layer")
except ValueError as error:
    print(error)
else:
    raise AssertionError("dropout in training mode must be refused")

# %% [markdown]
# The library does not guess: it says why, and the default falls back to the loop.
#
# With `schedule="layer"` it takes a class of yours as well: it calls `forward()` once, with a stand-in for the data, and
# notes which layers it goes through. This one works step by step, but it keeps a membrane where the library cannot
# follow it.


# %%
class Stubborn(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(20, 30)
        self.lif1 = snn.Leaky(beta=0.9)
        self.fc2 = nn.Linear(30, 10)
        self.lif2 = snn.Leaky(beta=0.8, init_hidden=True, output=True)
        self.mem1 = self.lif1.init_leaky()

    def forward(self, x):
        x = x.view(x.shape[0], -1)
        spk1, self.mem1 = self.lif1(self.fc1(x), self.mem1)
        return self.lif2(self.fc2(spk1))


# %%
small = torch.rand(3, 4, 5)
try:
    simulation.forward_pass(Stubborn(), num_steps, small, schedule="layer")
except ValueError as error:
    print(error)
else:
    raise AssertionError("a membrane outside the layers must be refused")

# %% [markdown]
# > **Exercise 4: ready for layers.** Write the same network, with its four layers in the same order, so that
# > `forward_pass` accepts it with `schedule="layer"`. With the same weights it should send the same spikes, in this
# > schedule and step by step. There is more than one thing in the way.


# %% tags=["exercise"]
class MyReady(nn.Module):
    def __init__(self):
        super().__init__()
        # Yours to edit: the four layers, in the same order.

    def forward(self, x):
        # Yours to edit: one step of images [B, 4, 5].
        ...


# %%
exercises.check("05-layer-ready", MyReady)

# %% [markdown]
# <details><summary>Hint</summary>
#
# `init_hidden=True` lets a layer keep its membrane itself, and `utils.reset` finds it there. The library has to know
# that an operation leaves the batch axis alone: `flatten(1)` says so, `view` does not.
#
# </details>
#
# <details><summary>Solution</summary>
#
# ```python
# class SolvedReady(nn.Module):
#     def __init__(self):
#         super().__init__()
#         self.fc1 = nn.Linear(20, 30)
#         self.lif1 = snn.Leaky(beta=0.9, init_hidden=True)
#         self.fc2 = nn.Linear(30, 10)
#         self.lif2 = snn.Leaky(beta=0.8, init_hidden=True, output=True)
#
#     def forward(self, x):
#         spk1 = self.lif1(self.fc1(x.flatten(1)))
#         return self.lif2(self.fc2(spk1))
# ```
#
# </details>
#
# ## Lower precision, and a GPU
#
# Convolutions can be done in bfloat16, with 8 significant bits instead of 24, where the processor has units for it.
# The membrane stays in float32: it adds up fifty small numbers, and that is where bits get lost.


# %%
def bfloat16(images):
    with torch.autocast("cpu", torch.bfloat16):
        return simulation.forward_pass(net, num_steps, images)[0].float()


half, _ = training_step(bfloat16)
differ = (half != reference[0]).float().mean().item()
print(f"{differ:.2%} of the output spikes differ")

# %% [markdown]
# So this is no rung of the ladder. A current that is rounded differently can lift a membrane over the threshold one
# step earlier. Whether that matters, the accuracy has to tell. (`training.train(..., autocast=torch.bfloat16)` trains
# this way.)
#
# A large GPU does the arithmetic of a training step so fast that the naive loop makes it wait for Python, which asks for
# every small operation. Rungs 2 and 3 ask less; `tutorial_lib.fast.CudaGraph` records a whole training step and asks
# once. The book's page of results says how, and has the times.

# %% tags=["claims", "hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Checked here
def check_bfloat16():
    with torch.autocast("cpu", torch.bfloat16):
        membrane = simulation.forward_pass(net, num_steps, images)[1]
    assert membrane.dtype == torch.float32 and 0 < differ < 0.2
    assert torch.finfo(torch.bfloat16).eps == 2**-7  # 8 significant bits, the first one implied
    assert torch.finfo(torch.float32).eps == 2**-23


check_bfloat16()

# %% [markdown]
# ## Cost against the number of steps
#
# > **Predict.** Twice as many steps: what happens to the time of a training step, and to the memory, in each of the two
# > schedules?


# %%
def run_of(schedule, steps):
    options = {"num_steps": steps, "schedule": schedule}
    return lambda x: simulation.forward_pass(net, data=x, **options)[0]


lengths, schedules = (5, 10, 20, 40, 80), ("step", "layer")
seconds = {(s, n): [] for n in lengths for s in schedules}
for number in range(4):
    for case in seconds:
        start = time.perf_counter()
        training_step(run_of(*case))
        seconds[case].append(time.perf_counter() - start)
    print(f"round {number} done")

# %%
times = {case: torch.tensor(each[1:]) for case, each in seconds.items()}
memory = {case: saved_megabytes(run_of(*case)) for case in seconds}
for n, twice in itertools.pairwise(lengths):
    for s in schedules:
        longer = (times[s, twice] / times[s, n]).median()
        more = memory[s, twice] / memory[s, n]
        print(f"{s:5} from {n:2} to {twice:2}:", end=" ")
        print(f"{longer:.2f} times the time, {more:.2f} the memory")

# %% tags=["hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Code of the figure
fig, axes = plt.subplots(1, 2, figsize=(9, 3), layout="constrained")
for i, (s, name) in enumerate({"step": "step by step", "layer": "layer by layer"}.items()):
    unit = times["step", 5].median()
    axes[0].plot(
        lengths, [times[s, n].median() / unit for n in lengths], **style.curve(i), label=name
    )
    axes[1].plot(lengths, [memory[s, n] for n in lengths], **style.curve(i), label=name)
style.dress(axes[0], "Number of steps T", "Time (first point = 1)")
style.dress(axes[1], "Number of steps T", "Memory kept (MB)")
axes[0].legend()
for ax in axes:
    ax.set_ylim(bottom=0)
figures.show("Cost of a training step against the number of steps, for two schedules.")

# %% [markdown]
# <details><summary>Answer</summary>
#
# Both about double, in both schedules. (At few steps, time grows by a little less: the first convolution of the
# layer-by-layer run, for one, is paid once.) Backpropagation through time has to remember every step, so memory grows in
# proportion to T. The layer-by-layer line is flatter, since the first convolution is kept once and the pooling keeps
# places only; it is not of another kind.
#
# </details>

# %% tags=["claims", "hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Checked here
assert all(1.8 < memory[name, 80] / memory[name, 40] < 2.2 for name in schedules)
assert memory["layer", 80] < 0.7 * memory["step", 80]

# %% [markdown]
# When memory runs out all the same, take the batch in parts. `backward()` adds to the gradients that are there already.
# So run some images, compute their gradient, forget them, go on, and update the weights once at the end.
#
# > **Exercise 5: a batch in parts.** Write such an update. `loss_of(images, targets)` runs the network and returns the
# > *mean* loss of the images that it gets. Give it each image once, and at most `size` at a time; when a part begins,
# > autograd should keep nothing of the parts before. The weights should end up where one update with the whole batch
# > would take them, also where the last part is smaller and where gradients of an update before are still there. The
# > optimizer makes one step.


# %% tags=["exercise"]
def my_update(optimizer, loss_of, images, targets, size):
    # Yours to edit. `images.split(size)` gives the parts. Nothing is returned.
    ...


# %%
exercises.check("05-micro-batch", my_update)

# %% [markdown]
# <details><summary>Hint</summary>
#
# A part has its own mean. How much does it count in the mean over the whole batch? Clear the gradients once,
# before the first part.
#
# </details>
#
# <details><summary>Solution</summary>
#
# ```python
# def solved_update(optimizer, loss_of, images, targets, size):
#     optimizer.zero_grad()
#     parts = zip(images.split(size), targets.split(size), strict=True)
#     for part, labels in parts:
#         loss = loss_of(part, labels) * len(part) / len(images)
#         loss.backward()
#     optimizer.step()
# ```
#
# </details>
#
# The same update of the same network, in one piece and in parts of 12, 12 and 8 images:

# %%
update = exercises.accepted("05-micro-batch", my_update)


def updated(size):
    twin = copy.deepcopy(net)
    optimizer = torch.optim.SGD(twin.parameters(), lr=0.1)

    def loss_of(images, targets):
        spk_rec, _ = simulation.forward_pass(twin, 20, images)
        return SF.ce_rate_loss()(spk_rec, targets)

    update(optimizer, loss_of, images, targets, size)
    return list(twin.parameters())


# %%
pieces = zip(updated(32), updated(12), net.parameters(), strict=True)
for whole, in_parts, before in pieces:
    torch.testing.assert_close(in_parts, whole, rtol=1e-4, atol=1e-6)
    assert not torch.equal(whole, before)
print("one update, in one piece or in parts: the same weights")

# %% [markdown]
# `training.train(..., micro_batch=16)` does this for you. It costs no more multiplications, only a little order.
#
# ## The fastest step is the one you leave out
#
# Nothing above asks whether 50 steps are needed. So train networks at 2, 10 and 50 steps, three seeds each, for
# 40 iterations with 32 images. That is a comparison at *equal iterations*, and unfair: at 10 steps they are done five
# times as early. At *equal work*, as in [notebook 04](04_spike_visualisation.ipynb), 40 iterations at 50 steps stand
# against 200 at 10. (At 2 steps, 200 are a fifth of that work.)
#
# > **Predict.** Rank these by test accuracy: 50 steps and 40 iterations, 10 steps and 40, 10 steps and 200.

# %%
fewer = data.subset(digits.test, min(1000, len(digits.test)), seed=0)
test = torch.utils.data.DataLoader(fewer, batch_size=250)


def fresh(seed):
    training.seed_everything(seed)
    some = networks.conv_net(beta=beta, spike_grad=spike_grad)
    return some, torch.optim.Adam(some.parameters(), lr=1e-2)


def train_on(some, optimizer, steps, iterations):
    loader = data.loaders(digits, batch_size=32).train
    options = {"num_iterations": iterations, "progress": False}
    training.train(some, loader, optimizer, SF.ce_rate_loss(), steps, **options)


# %%
plan = {2: (40, 200), 10: (40, 200), 50: (40,)}  # T: iterations
results = {(steps, done): [] for steps in plan for done in plan[steps]}
trained = {}
for steps, seed in itertools.product(plan, range(3)):
    some, optimizer = fresh(seed)
    before = 0
    for done in plan[steps]:
        train_on(some, optimizer, steps, done - before)
        before = done
        results[steps, done].append(training.evaluate(some, test, steps))
    trained[steps] = some
    print(f"T = {steps}, seed {seed}: done")

# %% [markdown]
# Three numbers for each: `accuracy_rate`, which gives a tie to the lowest of the tied classes; the share of images
# that are *decided and right*; and what lies between the two, the ties that happened to fall right.


# %%
def decided_and_right(result):
    return (result.predictions == result.targets).double().mean().item()


for (steps, done), three in results.items():
    accuracy = sum(r.accuracy for r in three) / 3
    decided = sum(map(decided_and_right, three)) / 3
    print(f"T = {steps:2}, {done:3} iterations:", end=" ")
    print(f"accuracy {accuracy:.1%}, decided and right {decided:.1%}", end=", ")
    print(f"ties {accuracy - decided:.1%}")

# %% tags=["hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Code of the figure
fig, ax = plt.subplots(figsize=(6.5, 3), layout="constrained")
for i, done in enumerate((40, 200)):
    found = {n: [100 * r.accuracy for r in three] for (n, d), three in results.items() if d == done}
    look = style.curve(i) | {"linestyle": "none"}
    places = [n * (0.97 + 0.06 * i) for n, values in found.items() for _ in values]
    ax.plot(places, sum(found.values(), []), **look, label=f"after {done} iterations")
ax.set_xscale("log")
ax.set_xticks([2, 10, 50], ["2", "10", "50"])
ax.minorticks_off()
style.dress(ax, "Number of steps T (training and test)", "Test accuracy (%)")
ax.legend(loc="lower right")
figures.show("Test accuracy of each run, a marker for each seed.")

# %% [markdown]
# <details><summary>Answer</summary>
#
# At equal iterations 50 steps are well ahead of 10. At equal work they are not: with MNIST, 10 steps and 200 iterations
# come first by far; with the embedded digits the two are about even. This early in the training, more updates count for
# at least as much as finer counts.
#
# At 2 steps counts are often tied, and a good part of that accuracy is luck: a tie goes to the lowest class.
#
# </details>
#
# Look at the markers, too: where two groups overlap, three seeds do not tell them apart.

# %% tags=["claims", "hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Checked here
def check_steps():
    mean = {case: sum(r.accuracy for r in three) / 3 for case, three in results.items()}
    sure = {case: sum(map(decided_and_right, three)) / 3 for case, three in results.items()}
    assert mean[10, 200] > max(mean[10, 40], mean[2, 200]) + 0.1
    assert mean[50, 40] > mean[10, 40] + 0.05
    lead = mean[10, 200] - mean[50, 40]
    assert lead > (0.05 if digits.source == "mnist" else -0.05)
    assert mean[2, 200] - sure[2, 200] > 0.05  # lucky ties


check_steps()

# %% [markdown]
# > **Try it.** `LeakyRun` saves `mem_rec` in float32. Write a class that saves it in bfloat16 and casts it back in
# > `backward`, give it to `one_function` as `neurons`, and measure how far the gradients of the weights move.
#
# <details><summary>Answer</summary>
#
# With this `net`, by 1 % to 3 % of their norm in the last layer, and by 3 % to 7 % in the first, where the rounding of all
# layers arrives.
# Around the threshold, numbers in bfloat16 lie 1/256 to 1/128 apart, while the surrogate derivative changes within 1/k:
# the larger k, the more it feels that. (The overdrive $U - \theta$ could be rounded with less harm, being near zero there.)
#
# </details>

# %% tags=["claims", "hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Checked here
def check_rounding():
    class Rounded(LeakyRun):
        @staticmethod
        def backward(ctx, grad_spk):
            mem_rec = ctx.saved_tensors[0].bfloat16().float()
            return run_backward(mem_rec, grad_spk, ctx.beta, ctx.threshold)

    def moved():
        exact = training_step(one_function)[1]
        rounded = training_step(lambda x: one_function(x, Rounded))[1]
        pairs = list(zip(exact, rounded, strict=True))[::2]  # the weights of three layers
        return [((a - b).norm() / a.norm()).item() for a, b in pairs]

    first, _, last = moved()
    assert 0.02 < first < 0.12 and 0.005 < last < min(first, 0.05)
    assert torch.finfo(torch.bfloat16).eps == 2**-7


check_rounding()

# %% [markdown]
# > **Try it.** `trained[10]` has been trained at 10 steps, `trained[50]` at 50. Test each of them at the other's number of
# > steps: `training.evaluate(trained[10], test, 50)`. What is kept, what is lost?
#
# <details><summary>Answer</summary>
#
# Nearly everything is kept, in both directions: the image is the same at all steps, and a membrane with `beta = 0.5`
# has forgotten after a few of them what came before. So a network can be trained with few steps, and tested with
# fewer or more, as the task has time.
#
# </details>

# %% tags=["claims", "hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Checked here
def check_other_steps():
    for steps, other in (10, 50), (50, 10):
        same, changed = (
            training.evaluate(trained[steps], test, each).accuracy for each in (steps, other)
        )
        assert abs(same - changed) < 0.1


check_other_steps()

# %% [markdown]
# ## Summary
#
# - What does not depend on time runs once; a layer without memory runs for all steps at once; only the membrane
#   is a recurrence. It fits into one function, whose backward pass is one line in a loop.
# - Every rung of the ladder gave the same spikes. Assert that before you look at a clock.
# - Time and memory grow in proportion to T. Compare numbers of steps at equal work.
#
# **What comes next.** The command `python -m tutorial_lib.training --help` trains the same network for as many epochs as
# you like, on one process or several. The book's page of results compares the library with its peers.
#
# **Further reading.** [Eshraghian et al. 2023](https://doi.org/10.1109/JPROC.2023.3308088) on backpropagation through
# time in spiking networks; [Neftci et al. 2019](https://doi.org/10.1109/MSP.2019.2931595) on the surrogate gradient as
# a recurrent network's.
