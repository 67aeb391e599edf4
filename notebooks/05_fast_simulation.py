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
# [Open in Colab](https://colab.research.google.com/github/OWNER/snn-course/blob/main/notebooks/05_fast_simulation.ipynb)
#
# **You will**
#
# - take the loop over time apart, and find out what of it has to be a loop;
# - climb from the naive loop to a layer-by-layer simulation, and prove at each rung that nothing has changed;
# - write the neuron's whole run as one autograd function, forward and backward;
# - measure time and memory against the number of steps, and ask how many steps are needed at all.
#
# **You need** the network of [notebook 02](02_convolutional_snn.ipynb), the training of
# [notebook 03](03_training.ipynb), and backpropagation through time from
# [notebook 01](01_surrogate_gradients.ipynb).
#
# **Time**: about 75 minutes to read and try, two to three minutes to run.

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
import time

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.utils.data import DataLoader

import tutorial_lib as snn
from course_kit import exercises
from tutorial_lib import data, networks, simulation, surrogate, training, utils
from tutorial_lib import functional as SF
from tutorial_lib import plotting as splt
from tutorial_lib.fast import CudaGraph, keep_freed_memory
from tutorial_lib.plotting import style

# %% [markdown]
# ## The starting line
#
# A batch of 32 images, 50 steps, the network of tutorial 6. The weights are three times PyTorch's default ones,
# so that every layer fires and equal results mean something.

# %%
digits = data.load()
training.seed_everything(0)
images, targets = next(iter(data.loaders(digits, batch_size=32).train))
num_steps, beta = 50, 0.5
spike_grad = surrogate.fast_sigmoid(slope=25)

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
# Each rung below is judged by the same three questions. Are the spikes the same? Are the gradients the same?
# How long does one training step take, and how much does autograd keep for the backward pass?
#
# The last one can be asked directly: PyTorch calls a hook of yours for every tensor that it saves.


# %%
def training_step(run):
    net.zero_grad()
    spk_rec = run(images)
    SF.ce_rate_loss()(spk_rec, targets).backward()
    return spk_rec.detach(), [p.grad.clone() for p in net.parameters()]


def saved_megabytes(run):
    sizes = {}

    def pack(tensor):
        storage = tensor.untyped_storage()
        sizes[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        record = run(images)
    assert record.requires_grad  # the graph, and so what it keeps, was alive while we counted
    return sum(sizes.values()) / 1e6


# %% [markdown]
# Times scatter: another program wakes up, and a step takes twice as long. So each comparison runs the two
# candidates in turn, several times, and takes the median of the ratios.


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


# %%
reference = training_step(naive_loop)
ladder = {}


def climb(name, run, old):
    spikes, gradients = training_step(run)
    assert torch.equal(spikes, reference[0]), "other spikes"
    for mine, theirs in zip(gradients, reference[1], strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-5 * theirs.abs().max().item())
    speed, memory = times_as_fast(run, old), saved_megabytes(run)
    ladder[name] = (speed * ladder[rung_below[name]][0], memory)
    print(f"{name}: {speed:.2f} times as fast as the rung below, {memory:.0f} MB kept")


# %% [markdown]
# `climb` asserts equality before it measures anything. A faster program with other results is another program.

# %%
rung_below = {"hoisted": "naive", "time in the batch": "hoisted"}
rung_below |= {"one function": "time in the batch", "library": "one function"}
ladder["naive"] = (1.0, saved_megabytes(naive_loop))  # speed against naive, MB kept
print(f"naive: {ladder['naive'][1]:.0f} MB kept for {len(images)} images")
assert reference[0].sum() > 0

# %% [markdown]
# ## Rung 1: what does not change need not be repeated
#
# > **Predict.** The image is the same at every step. Which layers compute the same result fifty times?


# %%
def hoisted(images):
    utils.reset(net)
    cur1 = pool(conv1(images))  # once
    spk_rec = []
    for _ in range(num_steps):
        spk2 = lif2(pool(conv2(lif1(cur1))))
        spk_rec.append(lif3(fc1(flatten(spk2)))[0])
    return torch.stack(spk_rec)


climb("hoisted", hoisted, naive_loop)

# %% [markdown]
# <details><summary>Answer</summary>
#
# Everything before the first neuron: the first convolution and its pooling. The first layer of *neurons* does not
# belong to it. Its input is constant, but its membrane is not.
#
# </details>
#
# Its gradients add up by themselves: `cur1` is used fifty times, and autograd sums what comes back.
#
# > **Exercise 1: what it can save.** Count before you measure. A convolution multiplies once for each weight of a
# > filter at each place of each of its output maps; a fully connected layer, once for each weight. What share of all
# > multiplications of a forward pass of 50 steps does it save to run the first convolution once? In percent, to one
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
# So a clock that counts multiplications alone would hardly notice. Where `climb` found more than that, pooling and
# memory are behind it.

# %% [markdown]
# ## Rung 2: time in the batch
#
# The second convolution has no memory. It does not care whether two images belong to two samples or to two
# moments. So run the first layer of neurons to the end, stack its spikes to `[T, B, 12, 12, 12]`, fold time into
# the batch, and convolve all steps at once.
#
# > **Exercise 2: fold and unfold.** Write a function that calls `layer`, which takes a batch `[N, ...]`, exactly once
# > for all steps of all samples. `x` is `[T, B, ...]`; so is the result, with the shape that the layer makes of the
# > rest. The ladder times training steps, so gradients have to flow back: to the layer's weights and to `x`.


# %% tags=["exercise"]
def my_over_time(layer, x):
    # Yours to edit. Fold T and B into one axis, call the layer, and take the two apart again.
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
    spk2 = run_neurons(lif2, over_time(lambda spk: pool(conv2(spk)), spk1))
    cur3 = over_time(lambda spk: fc1(flatten(spk)), spk2)
    return run_neurons(lif3, cur3)


climb("time in the batch", time_in_batch, hoisted)

# %% [markdown]
# One large convolution instead of fifty small ones. On a GPU that is most of the win; on a CPU it can be little
# or nothing, since small convolutions keep the cores busy already and large ones leave the cache.
#
# It is called the **layer-by-layer** schedule: layer 1 for all times, then layer 2 for all times. It works because
# information flows upward only. A network with feedback from layer 2 to layer 1 has to be stepped.

# %% [markdown]
# ## Rung 3: the neuron's run as one function
#
# What is left of the loop is the membrane, $U[t] = \beta U[t-1] + I[t] - \theta S[t-1]$. Autograd records
# some six small operations for each step, and walks through all of them again on the way back. You know the
# way back: write it down. All it needs is the membrane, since the spikes can be read off it.
#
# The backward pass is backpropagation through time ([notebook 01](01_surrogate_gradients.ipynb)) with the
# reset detached. Let $G[t]$ be the gradient of the loss with respect to $U[t]$. It has two
# sources, the spike at this step and the membrane at the next:
#
# $$ G[t] = \tilde S'\big(U[t]-\theta\big)\, \frac{\partial L}{\partial S[t]} + \beta\, G[t+1] $$ (eq:05-back)


# %%
class LeakyRun(torch.autograd.Function):
    @staticmethod
    def forward(ctx, currents, beta, threshold):
        mem_rec = torch.empty_like(currents)
        spk_rec = torch.empty_like(currents)
        mem, spk = torch.zeros_like(currents[0]), torch.zeros_like(currents[0])
        for t, cur in enumerate(currents):
            mem = torch.mul(mem, beta, out=mem_rec[t]).add_(cur).sub_(spk, alpha=threshold)
            spk = torch.gt(mem, threshold, out=spk_rec[t])
        ctx.save_for_backward(mem_rec)
        ctx.beta, ctx.threshold = beta, threshold
        return spk_rec

    @staticmethod
    def backward(ctx, grad_spk):
        (mem_rec,) = ctx.saved_tensors
        grad = spike_grad.derivative(mem_rec - ctx.threshold) * grad_spk
        for t in reversed(range(len(grad) - 1)):
            grad[t].add_(grad[t + 1], alpha=ctx.beta)  # G[t] += beta G[t+1]
        return grad, None, None


# %% [markdown]
# `grad` starts as the first term, for all steps at once. The loop from the last step down adds the second.
# The gradient of the current is $G$ itself, since $\partial U[t] / \partial I[t] = 1$.
#
# > **Predict.** Which of the two will change more from rung 2 to rung 3, time or memory?


# %%
def one_function(images):
    cur1 = pool(conv1(images)).expand(num_steps, -1, -1, -1, -1)
    spk1 = LeakyRun.apply(cur1, beta, 1.0)
    spk2 = LeakyRun.apply(over_time(lambda spk: pool(conv2(spk)), spk1), beta, 1.0)
    cur3 = over_time(lambda spk: fc1(flatten(spk)), spk2)
    return LeakyRun.apply(cur3, beta, 1.0)


climb("one function", one_function, time_in_batch)
assert abs(ladder["one function"][1] / ladder["time in the batch"][1] - 1) < 0.05

# %% [markdown]
# <details><summary>Answer</summary>
#
# If anything, time. Memory stays as it was: with the reset detached, autograd too keeps one tensor per step and layer,
# the overdrive that the surrogate has saved. What falls away is the bookkeeping of many small operations. How much of
# the time that is depends on your machine: `climb` may have printed next to nothing.
# (The step from rung 0 to rung 1 is where memory fell: the first convolution and its pooling were kept fifty times.)
#
# </details>
#
# Nobody should trust a hand-written backward pass. `climb` has compared it with autograd in the network. Here it
# is alone, in double precision, on random currents:

# %%
currents = torch.randn(20, 8, dtype=torch.float64, requires_grad=True)
weights = torch.randn(20, 8, dtype=torch.float64)

mem, steps = torch.zeros(8, dtype=torch.float64), []
for cur in currents:
    spk, mem = snn.lif_step(cur, mem, 0.9, 1.0, spike_grad)
    steps.append(spk)
(by_autograd,) = torch.autograd.grad((torch.stack(steps) * weights).sum(), currents)
(by_hand,) = torch.autograd.grad((LeakyRun.apply(currents, 0.9, 1.0) * weights).sum(), currents)
torch.testing.assert_close(by_hand, by_autograd, rtol=1e-12, atol=1e-12)

# %% [markdown]
# > **Exercise 3: another reset, another way back.** With reset to zero, $U[t+1] = \beta\,(1 - S[t])\,U[t] + I[t+1]$.
# > The reset is detached: $S[t]$ in it is a number. Write the recursion for this neuron. `mem_rec` holds $U$ and
# > `grad_spk` holds $\partial L/\partial S$, both `[T, ...]`; return $G$ in the same shape, and leave both as they are.


# %% tags=["exercise"]
def my_way_back(mem_rec, grad_spk, beta, threshold, spike_grad):
    # Yours to edit. spike_grad.derivative(x) is the surrogate's slope at x.
    ...


# %%
exercises.check("05-way-back", my_way_back)

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
# def solved_way_back(mem_rec, grad_spk, beta, threshold, spike_grad):
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
way_back = exercises.accepted("05-way-back", my_way_back)


def run_to_zero(currents):
    mem, record = torch.zeros(8, dtype=torch.float64), []
    for cur in currents:
        spk, mem = snn.lif_step(cur, mem, 0.9, 1.0, spike_grad, reset_mechanism="zero")
        record.append((spk, mem))
    return map(torch.stack, zip(*record, strict=True))


# %%
spk_rec, mem_rec = run_to_zero(currents)
(by_autograd,) = torch.autograd.grad((spk_rec * weights).sum(), currents)
by_hand = way_back(mem_rec.detach(), weights, 0.9, 1.0, spike_grad)
torch.testing.assert_close(by_hand, by_autograd, rtol=1e-4, atol=1e-6)
print(f"{int(spk_rec.sum())} spikes; the gradients of {currents.numel()} currents agree")

# %% [markdown]
# ## Rung 4: the library
#
# `simulation.forward_pass` does all of this. It traces the network, finds out what is stateless and what depends
# on time, and refuses when a network cannot be run layer by layer. Two more things help on a CPU: what lies between
# two layers of neurons runs on a few hundred frames at a time, so that the pooling finds the convolution's result
# still in the cache; and the channels lie last in memory, as the convolution likes them best. Its max-pooling keeps
# only where each maximum stood, not the whole input, and there memory falls once more.

# %%
def library(images):
    return simulation.forward_pass(net, num_steps, images)[0]


climb("library", library, one_function)
assert ladder["library"][1] < 0.7 * ladder["one function"][1]

# %% [markdown]
# You have used it since [notebook 02](02_convolutional_snn.ipynb) without noticing. `schedule="step"` asks for the
# loop, `schedule="layer"` for this one, and the default takes whichever the network allows.

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
# In training mode, dropout draws anew at each step. Run for all steps at once, it would draw otherwise. So the
# library does not guess: it says why, and the default falls back to the loop.
#
# The default runs a plain `nn.Sequential` layer by layer, and steps every class of your own. With `schedule="layer"` it
# takes a class as well: it calls `forward()` once, with a stand-in for the data, and notes which layers it goes through.
#
# Sometimes a network could be run layer by layer, but is not written that way. This one works, one step after the
# other. It keeps a membrane in a place of its own, where the library cannot follow it.


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
small_images = torch.rand(3, 4, 5)
try:
    simulation.forward_pass(Stubborn(), num_steps, small_images, schedule="layer")
except ValueError as error:
    print(error)
else:
    raise AssertionError("a state of its own must be refused")

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
# Back to the ladder, with all its rungs side by side:

# %%
fig, axes = plt.subplots(1, 2, figsize=(9, 3), layout="constrained", sharey=True)
names = list(ladder)
labels = "Times as fast as naive", "Memory kept (MB)"
for ax, column, label in zip(axes, (0, 1), labels, strict=True):
    values = [ladder[name][column] for name in names]
    bars = ax.barh(names, values, color=style.CURVES[column])
    ax.bar_label(bars, fmt="%.2f" if column == 0 else "%.0f", padding=3)
    ax.margins(x=0.15)
    style.dress(ax, label, "")
axes[0].invert_yaxis()
splt.show("Five rungs of the ladder: speed, and memory kept for the backward pass.")

# %% [markdown]
# Left: longer is better. Right: shorter is better. The naive loop has the same spikes as the last rung, to the bit.
#
# > **Take-away.** Ask of every operation whether it depends on time, and whether it has a memory. Only what has a
# > memory needs a loop.

# %% [markdown]
# ## Memory that stays
#
# A training step asks for memory and frees it again. On Linux, the C library may hand it back to the system at once.
# The next step asks anew, and the system clears page after page of 4 kB before it gives them out.
# `keep_freed_memory()` ends that: what this process has had, it keeps for its next step. The price is that it
# stays as large as it once was.

# %%
try:
    import resource  # Windows has none
except ImportError:
    resource = None


many, labels = images.repeat(4, 1, 1, 1), targets.repeat(4)  # 128, as in training


def new_pages(steps=9):
    counts = []
    for _ in range(steps):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        net.zero_grad()
        SF.ce_rate_loss()(library(many), labels).backward()
        counts.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
    return sorted(counts)[steps // 2]


# %%
pages_before = new_pages() if resource else 0
keeps = keep_freed_memory()
print("The C library keeps freed memory now." if keeps else "Nothing to set: this system decides.")
if resource:
    pages_after = new_pages()
    print(f"New pages in a training step: {pages_before} before, {pages_after} after (medians)")
    assert pages_after < 1000 or not keeps

# %% [markdown]
# What was there before is chance: where we tried it, between two and ten thousand pages a step. It depends on what
# happened to lie where in memory. (And the setting holds until the kernel ends: run the cells again, and there is
# nothing left to see.) The library hands small blocks of time on from layer to layer, and their memory is soon used
# again, so little is left to gain: a few hundredths of the training time. When it still kept one large record per
# layer, the pages took between a tenth and a fifth. Think of it when you write a loop with large tensors yourself.
# `python -m tutorial_lib.training` makes this call for you; a notebook has to make it itself.

# %% [markdown]
# ## Lower precision
#
# Convolutions can be done in bfloat16, with 8 bits of mantissa instead of 24, where the processor has units for it.
# The membrane stays in float32: it adds up fifty small numbers, and that is where bits get lost.


# %%
def bfloat16(images):
    with torch.autocast("cpu", torch.bfloat16):
        return simulation.forward_pass(net, num_steps, images)[0].float()


full, _ = training_step(library)
half, _ = training_step(bfloat16)
changed = (full != half).float().mean().item()
print(f"{changed:.2%} of the output spikes differ")
assert 0 < changed < 0.2

# %% [markdown]
# This rung is *not* equal. A current that is rounded differently can lift a membrane over the threshold one step
# earlier. Whether that matters is a question for the accuracy, not for a comparison of spikes.
# (`training.train(..., autocast=torch.bfloat16)` trains this way.)

# %% [markdown]
# ## On a GPU
#
# > **Predict.** A large GPU does all the arithmetic of a training step in a few milliseconds. What does the naive loop
# > wait for there?
#
# <details><summary>Answer</summary>
#
# For Python. Every operation has to be asked for, one by one, and asking takes longer than a small operation itself.
# The naive loop asks thousands of times in a training step.
#
# </details>
#
# Rungs 2 and 3 ask less: fifty small convolutions become a large one, and a layer's whole run is one kernel (written
# in Triton; the library takes it by itself).
#
# The last rung asks once. A *CUDA graph* records all operations of a training step, forward and backward. A replay of
# them is a single call. The price: what was recorded is fixed. `CudaGraph` therefore looks at every batch, and runs as
# `forward_pass` does where something differs, as here if you have no GPU.

# %%
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
there, batch = copy.deepcopy(net).to(device), images.to(device)
recorded = CudaGraph(simulation.Simulation(there, num_steps))
with_graph = recorded(batch)[0]
without = simulation.forward_pass(there, num_steps, batch)[0]
equal = (with_graph == without).float().mean().item()
print(f"{recorded.runs} replay(s) on {device.type}: {equal:.2%} of the output spikes are equal")
assert equal == 1 or device.type == "cuda" and equal > 0.9  # TF32 on a GPU: 10 bits of mantissa

# %% [markdown]
# On the GPU that we measured, layer by layer was 17 times as fast as the same training step in snnTorch, and recorded
# and in bfloat16 37 times. On two processor cores the same ideas gave a factor of two: there, the arithmetic itself is
# what takes the time. The book's page of results has the tables.
#
# `training.train(..., simulate=CudaGraph(simulation.Simulation(net, num_steps)))` trains this way, and so does
# `python -m tutorial_lib.training --cuda-graph`.

# %% [markdown]
# ## Cost against the number of steps
#
# > **Predict.** Twice as many steps: what happens to the time of a training step, and to the memory?

# %%
lengths = (5, 10, 20, 40, 80)
cost = {}
for steps in lengths:
    for schedule in ("step", "layer"):

        def run(images, steps=steps, schedule=schedule):
            return simulation.forward_pass(net, steps, images, schedule=schedule)[0]

        seconds = []
        for _ in range(4):
            start = time.perf_counter()
            training_step(run)
            seconds.append(time.perf_counter() - start)
        cost[schedule, steps] = (min(seconds), saved_megabytes(run))

# %%
fig, axes = plt.subplots(1, 2, figsize=(9, 3), layout="constrained")
unit = cost["step", 5][0]
for i, (schedule, name) in enumerate({"step": "step by step", "layer": "layer by layer"}.items()):
    seconds, memory = zip(*(cost[schedule, n] for n in lengths), strict=True)
    axes[0].plot(lengths, [s / unit for s in seconds], **style.curve(i), label=name)
    axes[1].plot(lengths, memory, **style.curve(i), label=name)
style.dress(axes[0], "Number of steps T", "Time (5 naive steps = 1)")
style.dress(axes[1], "Number of steps T", "Memory kept (MB)")
axes[0].legend()
splt.show(
    "Cost of a training step for two schedules: layer by layer lies below step by step in both."
)

# %%
for schedule in ("step", "layer"):
    longer, growth = (b / a for a, b in zip(cost[schedule, 40], cost[schedule, 80], strict=True))
    print(f"{schedule}: from 40 to 80 steps, {longer:.2f} times the time", end=", ")
    print(f"{growth:.2f} times the memory")
    assert 1.8 < growth < 2.2
assert cost["layer", 80][1] < 0.7 * cost["step", 80][1]

# %% [markdown]
# <details><summary>Answer</summary>
#
# Both about double. (Times scatter, and a part that does not depend on T, the first convolution for one, is paid once.)
#
# </details>
#
# Backpropagation through time has to remember every step, so memory grows in proportion to T. The layer-by-layer line
# is flatter, since the first convolution is kept once and the pooling keeps places only; it is not of another kind.
#
# When memory runs out all the same, take the batch in parts. The gradient of a sum is the sum of the gradients, and
# `backward()` adds to what is there already. So run some images, send their gradient back, forget them, go on, and
# update the weights once at the end. The peak of memory is that of one part.
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
# A part has a mean of its own. How much does it count in the mean over the whole batch? Clear the gradients once,
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
        return SF.ce_rate_loss()(simulation.forward_pass(twin, 20, images)[0], targets)

    update(optimizer, loss_of, images, targets, size)
    return list(twin.parameters())


# %%
for whole, in_parts, before in zip(updated(32), updated(12), net.parameters(), strict=True):
    torch.testing.assert_close(in_parts, whole, rtol=1e-4, atol=1e-6)
    assert not torch.equal(whole, before)
print("one update, in one piece or in parts: the same weights")

# %% [markdown]
# `training.train(..., micro_batch=16)` does this for you. So neither T nor the batch has to shrink because of memory.
# It costs no more multiplications, only a little order.

# %% [markdown]
# ## The fastest step is the one you leave out
#
# Nothing above asks whether 50 steps are needed. Train networks for each of several T, and see what accuracy they
# reach. After so few iterations, one run says little. So each T gets three seeds. That makes 15 short trainings, and
# takes longer than all cells above; a line appears whenever a T is done.
#
# > **Predict.** How much accuracy will be left at 10 steps? At 2?

# %%
test = DataLoader(data.subset(digits.test, min(1000, len(digits.test)), seed=0), batch_size=250)


def short_run(steps, seed, iterations=60):
    training.seed_everything(seed)
    small = networks.conv_net(beta=beta, spike_grad=spike_grad)
    optimizer = torch.optim.Adam(small.parameters(), lr=1e-2)
    loader = data.loaders(digits, batch_size=128).train
    settings = {"num_iterations": iterations, "progress": False}
    training.train(small, loader, optimizer, SF.ce_rate_loss(), steps, **settings)
    return training.evaluate(small, test, steps)


# %%
accuracy, decided = {}, {}
for n in (2, 5, 10, 25, 50):
    results = [short_run(n, seed) for seed in range(3)]
    accuracy[n] = torch.tensor([r.accuracy for r in results])
    decided[n] = torch.tensor([r.decision_rate for r in results])
    values = " ".join(f"{value:.1%}" for value in accuracy[n].tolist())
    print(f"T = {n:>2}: accuracy {accuracy[n].mean():.1%} ({values})", end=", ")
    print(f"decided {decided[n].mean():.1%}")

# %%
fig, ax = plt.subplots(figsize=(5.5, 3), layout="constrained")
for n, values in accuracy.items():
    ax.plot([n] * 3, 100 * values, "x", color=style.MUTED, label=f"T = {n}")
means = [100 * values.mean() for values in accuracy.values()]
ax.plot(list(accuracy), means, label="mean", **style.curve(0))
style.dress(ax, "Number of steps T (training and test)", "Test accuracy (%)")
splt.show("A cross for each run, and a line through the means.")

# %%
mean = {n: values.mean().item() for n, values in accuracy.items()}
assert mean[50] > 0.8 and mean[50] - mean[10] < 0.15
assert mean[2] < mean[50] and decided[2].mean() < decided[50].mean()

# %% [markdown]
# <details><summary>Answer</summary>
#
# At 10 steps most of it, at a fifth of the cost; at 2, clearly less. With so little time a neuron hardly fires, so
# counts are tied more often. The decision rate shows it. (It can lie *below* the accuracy: `accuracy_rate` gives a tie
# to the lowest of the tied classes, and is sometimes lucky.)
#
# </details>
#
# Look at the crosses, too. Where those of one T spread as far as its mean lies from the next one, three seeds do not
# tell the two apart. A single run could have told you that fewer steps are better.

# %% [markdown]
# > **Try it.** `LeakyRun` saves `mem_rec` in float32. Save it in bfloat16 (cast in `save_for_backward`, cast back in
# > `backward`) and measure how far the gradients move. Where does the surrogate's slope feel it most?
#
# > **Try it.** Train at T = 10 and test the same network at T = 50, and the other way round:
# > `training.evaluate(net, test, steps)` takes any number of steps. What is kept, what is lost?

# %% [markdown]
# ## Summary
#
# - A layer without memory can run for all steps at once; what does not depend on time runs once; only the membrane
#   is a recurrence.
# - The recurrence fits into one function that keeps the membrane alone. Its backward pass is one line in a loop.
#   What it can save is time, not memory.
# - Every rung of the ladder gave the same spikes; only bfloat16 did not. Assert that before you look at a clock.
# - A CPU spends its time on arithmetic, a GPU on being asked. The same rungs help both, for different reasons.
# - Time and memory grow in proportion to T. So does the reason to ask for fewer steps.
#
# **What comes next.** The command `python -m tutorial_lib.training --help` trains the same network for as many epochs as
# you like, on one process or several. The book's page of results compares the library with its peers.
#
# **Further reading.** [Eshraghian et al. 2023](https://doi.org/10.1109/JPROC.2023.3308088) on backpropagation through
# time in spiking networks; [Neftci et al. 2019](https://doi.org/10.1109/MSP.2019.2931595) on the surrogate gradient as
# a recurrent network's.
