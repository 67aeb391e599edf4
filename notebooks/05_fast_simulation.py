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
# - find out which part of the loop over time has to be a loop;
# - climb from it to a layer-by-layer simulation, and check at each rung: the same spikes to the bit, the same gradients
#   up to rounding;
# - write the neuron's whole run as one autograd function;
# - measure time and memory against the number of steps, and ask how many are needed at all.
#
# **You need** backpropagation through time from [notebook 01](01_surrogate_gradients.ipynb), the training of
# [notebook 03](03_training.ipynb), and the network of [notebook 02](02_convolutional_snn.ipynb), which is that of
# [tutorial 6](https://snntorch.readthedocs.io/en/latest/tutorials/tutorial_6.html) of snnTorch.
#
# **Time**: about 90 minutes to read and try, an hour without the exercises; two to three minutes to run on one or two cores.
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
import time
import warnings

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
# A batch of 32 images, 50 steps. The weights are three times PyTorch's default ones, so that neurons fire and equal
# results mean something.

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
# **Rung 0** is the loop of the notebooks before: at each step, the image goes through all nine modules.


# %%
def naive_loop(images):
    utils.reset(net)
    spk_rec = []
    for _ in range(num_steps):
        spk, _ = net(images)
        spk_rec.append(spk)
    return torch.stack(spk_rec)


# %% [markdown]
# Each rung answers three questions. Are the spikes the same? Are the gradients? What does a training step cost, in time
# and in memory that autograd keeps for the backward pass?


# %%
def training_step(run):
    net.zero_grad()
    spk_rec = run(images)
    SF.ce_rate_loss()(spk_rec, targets).backward()
    return spk_rec.detach(), [p.grad.clone() for p in net.parameters()]


# %% tags=["hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Code that measures memory and speed
def saved_megabytes(run):
    sizes = {}

    def pack(tensor):
        storage = tensor.untyped_storage()
        sizes[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda x: x):
        record = run(images)  # while it lives, so does what it keeps
    return sum(sizes.values()) / 1e6 if record.requires_grad else 0.0


def times_as_fast(run, rounds=4):
    seconds = []
    for _ in range(rounds + 1):
        for each in (naive_loop, run):
            start = time.perf_counter()
            training_step(each)
            seconds.append(time.perf_counter() - start)
    pairs = torch.tensor(seconds[2:]).view(-1, 2)  # the first round warms up
    return (pairs[:, 0] / pairs[:, 1]).median().item()


# %% [markdown]
# `climb` compares before it measures. A faster program with other results is another program. Times scatter, so the
# new run and the naive loop take turns, and the median of their ratios counts.

# %%
reference = training_step(naive_loop)
ladder = {"naive": (1.0, saved_megabytes(naive_loop))}  # speed, MB kept


def climb(name, run):
    spikes, gradients = training_step(run)
    assert torch.equal(spikes, reference[0]), "other spikes"
    for mine, theirs in zip(gradients, reference[1], strict=True):
        atol = 1e-5 * theirs.abs().max().item()
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=atol)
    ladder[name] = times_as_fast(run), saved_megabytes(run)
    speed, memory = ladder[name]
    print(f"{name}: {speed:.2f} times as fast as naive, {memory:.0f} MB kept")


# %%
spikes = int(reference[0].sum())
print(f"naive: {spikes} output spikes, {ladder['naive'][1]:.0f} MB kept")

# %% [markdown]
# ## Rung 1: what does not change need not be repeated
#
# > **Predict.** The image is the same at every step. Which of the nine modules give the same output at all fifty steps?


# %% tags=["hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Code that keeps what each module gives at each step
@torch.no_grad()
def outputs_of_a_step():
    x, outputs = images, []
    for module in net:
        x = module(x)
        x = x[0] if isinstance(x, tuple) else x  # of (spk, mem)
        outputs.append(x)
    return outputs


utils.reset(net)
by_step = [outputs_of_a_step() for _ in range(num_steps)]

# %% tags=["hide-output"]
for module, *outputs in zip(net, *by_step, strict=True):
    others = sum(not torch.equal(x, outputs[0]) for x in outputs)
    print(f"{type(module).__name__:9}: {others} steps differ from step 0")

# %% [markdown]
# <details><summary>Answer</summary>
#
# The two before the first neurons: convolution and pooling. The neurons themselves have a constant input, but not a
# constant membrane.
#
# </details>
#
# Taking out of a loop what does not change in it is called **hoisting**.

# %% tags=["claims", "hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Checked here
def check_modules():
    for number, *outputs in zip(range(9), *by_step, strict=True):
        assert (number < 2) == all(torch.equal(x, outputs[0]) for x in outputs)
    assert spikes > 0


check_modules()


# %%
def hoisted(images):
    utils.reset(net)
    cur1 = pool(conv1(images))  # once
    spk_rec = []
    for _ in range(num_steps):
        spk2 = lif2(pool(conv2(lif1(cur1))))
        spk_rec.append(lif3(fc1(flatten(spk2)))[0])
    return torch.stack(spk_rec)


climb("hoisted", hoisted)

# %% [markdown]
# > **Exercise 1: what it can save.** You have measured; now count what could be expected. A convolution multiplies
# > once for each weight of a
# > filter at each place of each of its output maps; a fully connected layer, once for each weight. What share of all
# > multiplications of a *forward pass* of 50 steps is saved if the first convolution runs once? In percent, to one
# > decimal.

# %% tags=["exercise"]
# Yours to edit: a number in place of the three dots, such as 31.4 for 31.4%.
my_share = ...

# %%
exercises.check("05-hoist-share", my_share)

# %% [markdown]
# <details><summary>Hint</summary>
#
# With the shapes of [notebook 02](02_convolutional_snn.ipynb), the first convolution multiplies $12 \cdot 24^2 \cdot 25 = 172{,}800$
# times in a step, the second $64 \cdot 8^2 \cdot 300 = 1{,}228{,}800$ times, and the last layer
# $1024 \cdot 10 = 10{,}240$ times. Once is not never.
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
# A *training* step saves less. Each layer works three times: forward, for the gradient of its weights, and for that of
# its input. The first convolution works twice, since nobody asks for the gradient of an image. By counting, a
# training step of all 50 time steps saves
# 8.3% and could become 1.09 times as fast. `climb` has probably found more. Multiplications are not time: the pooling, which
# multiplies nothing, is saved too, and with a single input channel a convolution spends longer on each multiplication.

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
# The second convolution has no memory. It does not care whether two images are two samples or two steps. So run the
# first layer of neurons to the end, fold time into the batch, and convolve all steps at once.
#
# > **Exercise 2: fold and unfold.** `x` is `[T, B, ...]`: steps, samples, and the shape of one sample. Write a function
# > that calls `layer`, which may be any function of a batch, exactly once for all steps of all samples, with one axis for
# > T and B together. The result is `[T, B, ...]` again, with the shape that the layer makes of the rest. Gradients should
# > flow back to the layer's weights and to `x`.


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


climb("time in the batch", time_in_batch)

# %% [markdown]
# This is the **layer-by-layer** schedule. One large convolution takes the place of fifty small ones. On a GPU that is
# much of the win. On a CPU it can be little, or even a loss: a small convolution stays in the cache, and a large one does not.
# Rung 4 comes back to this.
#
# Play both schedules, for one image and five steps: which box is computed when, and what memory it adds.

# %%
explorers.schedules()

# %% [markdown]
# In the end, the step-by-step side has kept more: it repeats the first convolution and its pooling, as rung 0 does. That is
# the whole difference in memory. The order itself saves none.
#
# ## Rung 3: the neuron's run as one function
#
# What is left of the loop is the membrane, $U[t] = \beta U[t-1] + I[t] - \theta S[t-1]$. Autograd records several
# small operations for each step, and goes through them again in the backward pass. You know that pass from
# [notebook 01](01_surrogate_gradients.ipynb), so write it down, with the reset detached. The gradient $G[t]$ of the loss
# with respect to $U[t]$ has two sources, the spike at this step and the membrane at the next:
#
# $$ G[t] = \tilde S'\big(U[t]-\theta\big)\, \frac{\partial L}{\partial S[t]} + \beta\, G[t+1] $$ (eq:05-back)
#
# with the surrogate derivative $\tilde S'$, in code `spike_grad.derivative`.

# %% tags=["claims", "hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Checked here
def check_explorer():
    kept = explorers.schedules().compute(call=30).kept
    most = {name: after[-1] for name, after in kept.items()}
    map_and_places = 4 * 12 * 24**2 + 8 * 12 * 12**2  # bytes, of one image in one step
    repeated = 4 * map_and_places / 1e6
    assert abs(most["step by step"] - most["layer by layer"] - repeated) < 1e-6


check_explorer()


# %%
def run_forward(currents, beta, threshold):
    # In place, in the order of the library's own update: equal to the bit.
    mem_rec = torch.empty_like(currents)
    spk_rec = torch.empty_like(currents)
    mem = spk = torch.zeros_like(currents[0])
    for t, cur in enumerate(currents):
        mem = torch.mul(mem, beta, out=mem_rec[t])
        mem.add_(cur).sub_(spk, alpha=threshold)
        spk = torch.gt(mem, threshold, out=spk_rec[t])
    return spk_rec, mem_rec


# %%
def run_backward(mem_rec, grad_spk, beta, threshold):
    grad = spike_grad.derivative(mem_rec - threshold) * grad_spk
    for t in reversed(range(len(grad) - 1)):
        grad[t].add_(grad[t + 1], alpha=beta)  # G[t] += beta G[t+1]
    return grad, None, None  # beta and threshold are not learned


# %% [markdown]
# `grad` starts as the first term; the loop adds the second. The gradient of the current is $G$ itself, since
# $\partial U[t] / \partial I[t] = 1$.


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


# %% [markdown]
# > **Predict.** What changes more from rung 2 to rung 3: the time of a training step, or the memory kept for the
# > backward pass? Think of what each neuron's surrogate has to remember in rung 2.


# %% tags=["hide-output"]
def one_function(images):
    cur1 = pool(conv1(images))
    cur1 = cur1.expand(num_steps, *cur1.shape)  # the same memory 50 times
    spk1 = LeakyRun.apply(cur1, beta, 1.0)
    cur2 = over_time(lambda spk: pool(conv2(spk)), spk1)
    spk2 = LeakyRun.apply(cur2, beta, 1.0)
    cur3 = over_time(lambda spk: fc1(flatten(spk)), spk2)
    return LeakyRun.apply(cur3, beta, 1.0)


climb("one function", one_function)

# %% [markdown]
# <details><summary>Answer</summary>
#
# If anything, time: the bookkeeping of many small operations falls away. How much that is depends on your machine. Memory
# stays as it was: one tensor per step and layer of neurons, the membrane instead of its distance from the
# threshold.
#
# </details>

# %% tags=["claims", "hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Checked here
def megabytes_kept(*names):
    return [ladder[name][1] for name in names]


def check_memory(naive, hoisted, batch, function):
    assert abs(function / batch - 1) < 0.05
    assert hoisted < naive


def check_backward():
    options = {"dtype": torch.float64, "generator": torch.Generator().manual_seed(0)}
    currents = torch.randn(20, 8, **options).requires_grad_()
    weights, mem, spk_rec = torch.randn(20, 8, **options), torch.zeros(8, dtype=torch.float64), []
    for cur in currents:
        spk, mem = snn.lif_step(cur, mem, 0.9, 1.0, spike_grad, "subtract")
        spk_rec.append(spk)
    records = torch.stack(spk_rec), LeakyRun.apply(currents, 0.9, 1.0)
    assert torch.equal(*records) and records[0].any()
    grads = [torch.autograd.grad(record, currents, weights)[0] for record in records]
    torch.testing.assert_close(*grads, rtol=1e-12, atol=1e-12)


check_memory(*megabytes_kept("naive", "hoisted", "time in the batch", "one function"))
check_backward()

# %% [markdown]
# > **Exercise 3: another reset, another backward pass.** With reset to zero, $U[t+1] = \beta\,(1 - S[t])\,U[t] + I[t+1]$.
# > The reset is detached: $S[t]$ in it is a number. Write the recursion for this neuron. `mem_rec` holds $U$ and
# > `grad_spk` holds $\partial L/\partial S$, both `[T, ...]`; return $G$ alone, in the same shape, and leave both as
# > they are.


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

# %% [markdown]
# ## Rung 4: the library
#
# `simulation.forward_pass` does all of this, and two more things. What lies between two layers of neurons does not
# run on all $T \cdot B$ images at once, but on a few hundred at a time, so that the pooling finds the convolution's
# result in the cache. And the max-pooling keeps only where each maximum stood, in one byte; PyTorch's takes eight, and
# keeps the whole input as well.


# %%
def library(images):
    return simulation.forward_pass(net, num_steps, images)[0]


climb("library", library)

# %% tags=["hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Code of the figure
fig, axes = plt.subplots(1, 2, figsize=(9, 3), layout="constrained", sharey=True)
for i, label in enumerate(("Times as fast as naive", "Memory kept (MB)")):
    bars = axes[i].barh(list(ladder), [row[i] for row in ladder.values()], color=style.CURVES[i])
    axes[i].bar_label(bars, fmt=("%.2f", "%.0f")[i], padding=3)
    axes[i].margins(x=0.15)
    style.dress(axes[i], label)
axes[0].invert_yaxis()
figures.show("Five rungs of the ladder: speed, and memory kept for the backward pass.")

# %% [markdown]
# The memory falls twice: where the first convolution and its pooling are kept once instead of fifty times, and where the
# library's pooling keeps places only.
#
# You have used this function since notebook 01. `schedule="step"` asks for the loop, `schedule="layer"` for layer by
# layer. The
# default runs a plain `nn.Sequential` layer by layer, and every class of yours step by step.

# %% tags=["claims", "hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Checked here
def check_pooling():
    assert ladder["library"][1] < 0.7 * ladder["one function"][1]
    from tutorial_lib.fast.pooling import max_pool2d

    kept = []
    x = torch.rand(2, 12, 8, 8, requires_grad=True)
    for run in pool, lambda x: max_pool2d(x, pool):
        sizes = []
        with torch.autograd.graph.saved_tensors_hooks(
            lambda t, sizes=sizes: sizes.append((t.dtype, t.numel())), lambda t: t
        ):
            run(x)
        kept.append(sizes)
    theirs, ours = kept
    assert (torch.float32, x.numel()) in theirs and (torch.int64, x.numel() // 4) in theirs
    assert ours == [(torch.uint8, x.numel() // 4)]


check_pooling()

# %% [markdown]
# What must hold of a network, so that its layers can run one after the other?

# %%
exercises.predict("05-layerwise")

# %% [markdown]
# <details><summary>Answer</summary>
#
# What flows upward only can be run layer by layer. A layer that needs something from a later layer, as in c, has to wait
# for it at each step.
#
# </details>
#
# With `schedule="layer"` the library takes a class of yours as well: it calls `forward()` once, with a placeholder that only
# records the calls. What it cannot be sure of, it refuses.
#
# Step by step, only the first run of the class below is right. It keeps a membrane where neither `utils.reset` nor the
# library finds it: a second run begins where the first one ended.


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

# %% tags=["claims", "hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Checked here
def check_stubborn():
    torch.manual_seed(0)
    stubborn = Stubborn()
    runs = [simulation.forward_pass(stubborn, num_steps, 4 * small)[1] for _ in range(2)]
    assert not torch.equal(*runs)
    runs[0].sum().backward()
    try:
        runs[1].sum().backward()
    except RuntimeError as error:
        assert "second time" in str(error)
    else:
        raise AssertionError("the second run hangs on the first one's graph")


check_stubborn()

# %% [markdown]
# The message's advice helps with the first run only. Exercise 4 repairs the class.
#
# > **Exercise 4: ready for layers.** Write the same network, with its four layers in the same order, so that
# > `forward_pass` accepts it with `schedule="layer"`. With the same weights it should send the same spikes and give the
# > same gradients, in this schedule and step by step. There is more than one thing in the way.


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

# %% [markdown]
# ## Lower precision
#
# Nothing later needs this section.
#
# Convolutions and fully connected layers can be done in bfloat16, with 8 significant bits instead of 24. This is faster
# where the processor has units for it. Where it has none, it is slower, and the library warns of it.
# The membrane stays in float32: it adds each step to what earlier ones left, and rounding there would carry over from step
# to step.
#
# > **Predict.** What goes into these layers and comes out of them is now rounded, by up to 1 part in 256. How many of the
# > output spikes keep their place: nearly all, half, or hardly any? For how many of the 32 images does another class get
# > most spikes?


# %% tags=["hide-output"]
def bfloat16(images):
    with torch.autocast("cpu", torch.bfloat16), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it may be slow here
        return simulation.forward_pass(net, num_steps, images)[0].float()


full, half = reference[0], training_step(bfloat16)[0]
kept = (full * half).sum()
moved = full.sum(0).argmax(1) != half.sum(0).argmax(1)
print(f"{full.sum():.0f} spikes in float32, {half.sum():.0f} in bfloat16")
print(f"{kept / full.sum():.0%} at the same step of the same neuron")
print(f"another class for {moved.sum()} of {len(moved)} images")

# %% [markdown]
# <details><summary>Answer</summary>
#
# About half. A current that is rounded differently can lift a membrane over the threshold a step earlier, and what comes
# after moves along. But the neurons fire about as often as before, so few images change their class.
#
# </details>
#
# So this is no rung of the ladder: the accuracy has to tell whether it does harm, in
# `training.train(..., autocast=torch.bfloat16)`.

# %% tags=["claims", "hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Checked here
def check_bfloat16():
    with torch.autocast("cpu", torch.bfloat16), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it has been said above
        membrane = simulation.forward_pass(net, num_steps, images)[1]
    assert membrane.dtype == torch.float32
    assert 0.3 < kept / full.sum() < 0.7 and 0.85 < half.sum() / full.sum() < 1.15
    assert moved.sum() <= 6
    assert torch.finfo(torch.bfloat16).eps == 2**-7  # 8 significant bits, the first one implied
    assert torch.finfo(torch.float32).eps == 2**-23


check_bfloat16()

# %% [markdown]
# ## Cost against the number of steps
#
# > **Predict.** Twice as many steps: what happens to the time of a training step, and to the memory, in each of the two
# > schedules?


# %% tags=["hide-output"]
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

# %% tags=["hide-input", "hide-output"] jupyter={"source_hidden": true} cellView="form"
#@title Code of the figure
times = {case: torch.tensor(each[1:]).min() for case, each in seconds.items()}
memory = {case: saved_megabytes(run_of(*case)) for case in seconds}
relative = {case: each / times["step", 5] for case, each in times.items()}
for costs, label in (relative, "Time (step at T = 5: 1)"), (memory, "Memory kept (MB)"):
    curves = {s: [costs[s, n] for n in lengths] for s in schedules}
    ax = figures.lines(curves, "Number of steps T", label, x=lengths)
    ax.set(xlim=(0, None), ylim=(0, None))
    figures.show("Cost of a training step against the number of steps, for two schedules.")

# %% [markdown]
# <details><summary>Answer</summary>
#
# Both about double, in both schedules. (At few steps, time grows by a little less: what runs once is paid once. On a busy
# machine the points for time jump; those for memory do not.) Backpropagation through time, as written here, remembers
# every step, so memory grows in proportion to T. For each step, layer by layer keeps about a quarter of what step by step
# keeps, for the reasons of rungs 1 and 4.
#
# </details>

# %% tags=["claims", "hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Checked here
assert all(1.8 < memory[name, 80] / memory[name, 40] < 2.2 for name in schedules)
assert 0.2 < memory["layer", 80] / memory["step", 80] < 0.3
for schedule_of, rung in ("step", "naive"), ("layer", "library"):  # 80 steps there, 50 here
    assert abs(memory[schedule_of, 80] / ladder[rung][1] / (80 / 50) - 1) < 0.05

# %% [markdown]
# When memory runs out, take the batch in parts: `backward()` adds to the gradients that are there already.
#
# > **Exercise 5: a batch in parts.** Write such an update. `loss_of(images, targets)` runs the network and returns the
# > *mean* loss of the images that it gets. Give it each image once, and at most `size` at a time; when a part begins,
# > autograd should keep nothing of the parts before. The weights should end up where an update with the whole batch would
# > take them, also where the last part is smaller, and where old gradients are still there. The optimizer makes one step.


# %% tags=["exercise"]
def my_update(optimizer, loss_of, images, targets, size):
    # Yours to edit. `images.split(size)` gives the parts. Nothing is returned.
    ...


# %%
exercises.check("05-micro-batch", my_update)

# %% [markdown]
# <details><summary>Hint</summary>
#
# A part has its own mean. How much does it count in the mean over the whole batch? Clear the gradients once, before the
# first part.
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
# `training.train(..., micro_batch=16)` does this for you.

# %% tags=["claims", "hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Checked here
def trained_in_parts(size):
    training.seed_everything(0)
    twin = networks.conv_net(beta=beta, spike_grad=spike_grad)
    twin.load_state_dict(net.state_dict())
    optimizer = torch.optim.SGD(twin.parameters(), lr=0.1)
    options = {"num_iterations": 1, "progress": False, "micro_batch": size}
    training.train(twin, [(images, targets)], optimizer, SF.ce_rate_loss(), 20, **options)
    return list(twin.parameters())


def check_parts():
    for whole, parts, before in zip(
        trained_in_parts(None), trained_in_parts(12), net.parameters(), strict=True
    ):
        torch.testing.assert_close(parts, whole, rtol=1e-4, atol=1e-6)
        assert not torch.equal(whole, before)


check_parts()

# %% [markdown]
# ## The fastest step is the one you leave out
#
# Are 50 steps needed at all? Compare 10 steps with 50 in two ways, with three seeds each and 32 images per iteration: at
# *equal iterations*, 40 each, where 10 steps do about a fifth of the work; and at *equal work*, where 40 iterations at 50
# steps stand against 200 at 10. Two settings with 2 steps run along, for a surprise.
#
# > **Predict.** Rank these by test accuracy: 50 steps and 40 iterations, 10 steps and 40, 10 steps and 200.

# %%
fewer = data.subset(digits.test, min(1000, len(digits.test)), seed=0)
test = torch.utils.data.DataLoader(fewer, batch_size=250)


def train_and_test(steps, iterations, seed):
    training.seed_everything(seed)
    some = networks.conv_net(beta=beta, spike_grad=spike_grad)
    optimizer = torch.optim.Adam(some.parameters(), lr=5e-3)
    train = data.loaders(digits, batch_size=32).train
    options = {"num_iterations": iterations, "progress": False}
    training.train(some, train, optimizer, SF.ce_rate_loss(), steps, **options)
    return some, training.evaluate(some, test, steps)


# %% tags=["hide-output"]
results, nets, trained = {}, {}, {}
for steps, iterations in (2, 40), (2, 200), (10, 40), (10, 200), (50, 40):
    runs = [train_and_test(steps, iterations, seed) for seed in range(3)]
    results[steps, iterations] = [result for _, result in runs]
    nets[steps] = [net for net, _ in runs]
    trained[steps] = nets[steps][-1]
    print(f"T = {steps}, {iterations} iterations: three seeds done")

# %% [markdown]
# A dot for each seed, a line for their mean. On the left is `accuracy_rate`, which gives a tie to the lowest of the tied
# classes; on the right what is *decided and right*. In between lie the lucky ties.

# %% tags=["hide-output"]
accuracy, decided = {}, {}
for (steps, done), three in results.items():
    name = f"T = {steps}, {done} iterations"
    accuracy[name] = [100 * r.accuracy for r in three]
    decided[name] = [
        100 * (r.predictions == r.targets).double().mean() for r in three
    ]
panels = {"accuracy": accuracy, "decided and right": decided}
figures.seeds(panels, "Test images (%)")
figures.show("Test results of each run: five settings, three seeds.")

# %% [markdown]
# <details><summary>Answer</summary>
#
# At equal iterations the mean of 50 steps was ahead of that of 10 in our runs. But the dots overlapped, so three seeds do
# not settle it.
#
# At equal work the order turned: 10 steps and 200 iterations were ahead in the mean, in our runs without any overlap.
#
# The surprise is on the right. Lucky ties are part of every row. But compare the two rows of 200 iterations: with 2 steps
# the ties are a larger share of all that is right than with 10. In 2 steps an output sends 0, 1 or 2 spikes, so the
# highest count is often shared.
#
# Are 50 steps needed? Not here: so early in the training, more updates are worth more than more steps. That says nothing of
# a training run to its end.
#
# </details>
#
# Where the dots of two rows overlap, three seeds do not tell them apart.

# %% tags=["claims", "hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Checked here
def check_steps():
    def mean(table, steps, done):
        return sum(table[f"T = {steps}, {done} iterations"]) / 3

    for table in accuracy, decided:
        assert mean(table, 50, 40) > mean(table, 10, 40) - 3  # a little ahead, or level
        assert mean(table, 10, 200) > max(mean(table, 10, 40), mean(table, 2, 200)) + 5
        assert mean(table, 10, 200) > mean(table, 50, 40) - 6
        if digits.source == "mnist":
            assert mean(table, 10, 200) > mean(table, 50, 40) + 5
    assert mean(accuracy, 10, 200) > mean(accuracy, 50, 40)
    lucky = {case: mean(accuracy, *case) - mean(decided, *case) for case in results}
    assert min(lucky.values()) > 0
    assert lucky[2, 200] / mean(accuracy, 2, 200) > lucky[10, 200] / mean(accuracy, 10, 200)


check_steps()

# %% [markdown]
# > **Try it.** `trained[10]` has been trained at 10 steps, `trained[50]` at 50. Test each of them at the other's number of
# > steps, and at 3 and 1. What is kept, what is lost?

# %%
print(training.evaluate(trained[10], test, 50))

# %% [markdown]
# <details><summary>Answer</summary>
#
# At the other's number of steps nearly everything is kept, at 3 steps most: the image is always the same, and a membrane
# with `beta = 0.5` soon forgets what came before. At 1 step more is lost: each output can only fire or not, and ties are common.
# (All this is the mean of the three seeds. A single network that was trained briefly may lose more.)
#
# </details>

# %% tags=["claims", "hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Checked here
def check_other_steps():  # in the mean over the seeds
    def mean_at(steps, other):
        return sum(training.evaluate(some, test, other).accuracy for some in nets[steps]) / 3

    for steps, other in (10, 50), (50, 10):
        same, changed, three, one = (mean_at(steps, n) for n in (steps, other, 3, 1))
        assert abs(same - changed) < 0.05 and same - three < 0.1
        assert same - one > max(0.05, same - three)


check_other_steps()

# %% [markdown]
# ## Summary
#
# - What does not depend on time runs once; what has no memory runs for all steps at once; only a memory needs a loop.
# - Assert that a faster program gives the same before you look at a clock.
# - Time and memory grow in proportion to T. Compare numbers of steps at equal work.
#
# **What comes next.** `python -m tutorial_lib.training` trains the same network for as many epochs as you like (`--help` lists
# its options). The book's page of results compares the library with its peers, and says what recording the run as a CUDA
# graph gains on a GPU.
#
# **Further reading.** [Eshraghian et al. 2023](https://doi.org/10.1109/JPROC.2023.3308088) on backpropagation through
# time in spiking networks; [Neftci et al. 2019](https://doi.org/10.1109/MSP.2019.2931595) on surrogate gradients.
