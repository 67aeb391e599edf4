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
# # Looking at spikes
#
# [Open in Colab](https://colab.research.google.com/github/OWNER/snn-course/blob/main/notebooks/04_spike_visualisation.ipynb) (leads nowhere yet: this copy of the course has no address)
#
# **You will**
#
# - follow one image through a trained network: rasters, membranes, feature maps;
# - find the step at which the decision falls, and what the steps after it are worth;
# - look at a confident wrong answer, and at images without an answer;
# - find the layer at fault in a silent network from its rasters alone.
#
# **You need** [notebook 02](02_convolutional_snn.ipynb) for the network and `record_spikes`, and
# [notebook 03](03_training.ipynb) for the loss and the training.
#
# **Time**: about 90 minutes to read and try, without the part "If you have time"; less than a minute to run, on MNIST or on
# the embedded digits, which are taken when MNIST cannot be loaded.
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
import matplotlib.pyplot as plt
import torch

from course_kit import exercises, explorers, figures, material
from tutorial_lib import data, utils
from tutorial_lib import functional as SF
from tutorial_lib import plotting as splt
from tutorial_lib.plotting import style
from tutorial_lib.simulation import forward_pass, record_spikes

device = torch.device("cuda" if torch.cuda.is_available() else "cpu")

# %% [markdown]
# ## A network to look at
#
# The network is that of [tutorial 6](https://snntorch.readthedocs.io/en/latest/tutorials/tutorial_6.html) of snnTorch,
# where this course began: two convolutional layers and a linear one, each followed by leaky neurons. Here it comes
# ready: trained as in [notebook 03](03_training.ipynb), with `ce_rate_loss`, but only for 100 updates (40 on the embedded
# digits). A network that still makes mistakes has more to show. And since everyone has the same one, the text can say what
# it does. (It was made by `python -m tools.early_networks`.)

# %%
digits = data.load()
net = material.early_network(digits.source).to(device)
num_steps = 50

# %% [markdown]
# Run it over at most 1,000 test images and keep all that the output layer does. Both records are `[T, N, 10]`: step,
# image, class. Steps are counted from 0.

# %%
test = data.subset(digits.test, min(1000, len(digits.test)), seed=0)
images, targets = test.tensors
with torch.no_grad():
    batches = images.to(device).split(250)
    parts = [forward_pass(net, num_steps, batch) for batch in batches]
spk_rec = torch.cat([spk for spk, _ in parts], dim=1).cpu()
mem_rec = torch.cat([mem for _, mem in parts], dim=1).cpu()
print("spk_rec", list(spk_rec.shape), "   mem_rec", list(mem_rec.shape))

# %% [markdown]
# The class with the most spikes is the answer. `SF.predict_rate` returns it, or -1 if nobody fires or the leading
# classes are **level**, with equal counts. Such an image is **undecided**. The **margin** is the highest count minus
# the second.

# %%
totals = spk_rec.sum(dim=0)  # [N, 10]
first, second = totals.topk(2, dim=-1).values.T
margin = first - second
predictions = SF.predict_rate(spk_rec)
right = predictions == targets
wrong = (predictions >= 0) & ~right
undecided = predictions < 0
groups = {"right": right, "wrong": wrong, "undecided": undecided}
for name, group in groups.items():
    print(f"{group.sum():>4} of {len(targets):,} {name}")

# %% [markdown]
# > **Note.** Here *right* means decided and right. `SF.accuracy_rate` is more generous: if classes are level, it
# > takes the one with the smallest number, so class 0 if nobody fires.
#
# ## One image's way through the network
#
# Take an image that the network gets right, but not easily: with a margin near 25, where 50 is the most.

# %% tags=["claims", "hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Checked here
assert right.float().mean() > (0.8 if digits.source == "mnist" else 0.7) and wrong.any()
assert torch.equal(undecided, margin == 0)
assert right.sum() + wrong.sum() + undecided.sum() == len(targets)
assert SF.accuracy_rate(spk_rec, targets) >= right.float().mean()

# %%
candidates = right.nonzero().squeeze(1)
idx = candidates[(margin[candidates] - 25).abs().argmin()].item()
image = images[idx : idx + 1].to(device)
print(f"image {idx}: a {targets[idx]}, margin {margin[idx]:.0f}")

# %% [markdown]
# ### The output raster
#
# A **raster** has one row per neuron and one mark per spike. Time runs to the right.
#
# > **Predict.** You know the margin and the number of steps. How many marks must the fullest row have at least,
# > and how many at most? And how many do you expect, since `ce_rate_loss` wants the target to fire at *every* step, and
# > no other class?

# %% tags=["hide-input", "hide-output"] jupyter={"source_hidden": true} cellView="form"
#@title Code of the figure
fig, (left, axis) = plt.subplots(1, 2, figsize=(9, 2.8), width_ratios=[1, 3], layout="constrained")
left.imshow(images[idx, 0], cmap="gray", vmin=0, vmax=1)
left.set_title(f"a {targets[idx]}")
left.set_axis_off()
splt.raster(spk_rec[:, idx], axis)
axis.set(ylabel="Output neuron = class", yticks=range(10))
figures.show("A digit, and beside it the raster of the ten output neurons.")

# %% [markdown]
# <details><summary>Answer</summary>
#
# At least the margin printed above, near 25, and at most 50. Expect nearly 50, since the loss asks for it; then the margin leaves about 25
# for the second. So it is, nearly. Some other classes may fire too, more rarely.
#
# </details>
#
# ### The layers below
#
# `record_spikes` keeps the spikes of every layer of neurons. Layer 1 has 12 maps of 12 by 12 neurons, layer 2 has 64
# maps of 4 by 4. A raster wants one axis of neurons, so flatten the maps.

# %% tags=["claims", "hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Checked here
assert totals[idx].argmax() == targets[idx] and 10 <= margin[idx] <= 40
assert first[idx] >= 40 and (totals[idx] > 0).sum() <= 7

# %%
layers = record_spikes(net, num_steps, image).values()
record = [spikes[:, 0].cpu() for spikes in layers]
layer1, layer2 = record[0].flatten(1), record[1].flatten(1)
for name, spikes in {"layer 1": layer1, "layer 2": layer2}.items():
    share = (spikes.sum(0) > 0).float().mean()
    print(f"{name}: {share:.0%} of {spikes.shape[1]:,} neurons ever fire")

# %% [markdown]
# We draw 40 of those that fire, sorted by their count; where counts are equal, by the step of the first spike, late ones
# below.
#
# > **Predict.** The image is the same at all 50 steps. Will the spikes of one neuron come at regular intervals? In
# > layer 1? In layer 2?

# %% tags=["hide-input", "hide-output"] jupyter={"source_hidden": true} cellView="form"
#@title Code of the figure
def sample(spikes, size=40):
    firing = spikes[:, spikes.sum(0) > 0]
    some = torch.randperm(firing.shape[1], generator=torch.Generator().manual_seed(0))[:size]
    late_first = firing[:, some[firing[:, some].argmax(0).argsort(descending=True, stable=True)]]
    return late_first[:, late_first.sum(0).argsort(stable=True)]


fig, axes = plt.subplots(2, 1, figsize=(8, 6), sharex=True, layout="constrained")
for ax, name, spikes in zip(axes, ("Layer 1", "Layer 2"), (layer1, layer2), strict=True):
    splt.raster(sample(spikes), ax, s=10)
    ax.set_title(name, loc="left")
    ax.set_ylabel("Neuron, sorted by count")
axes[0].set_xlabel("")
figures.show("Rasters of 40 neurons of layer 1 and 40 of layer 2, sorted by count.")

# %% [markdown]
# Don't trust the eye alone: compare the longest with the shortest interval of each neuron.

# %% tags=["hide-output"]
def uneven(spikes):
    """Share of neurons whose intervals differ by more than one step."""
    flags = []
    for train in spikes.T[spikes.sum(0) > 2]:
        intervals = train.nonzero().squeeze(1).diff()
        flags.append(bool(intervals.max() - intervals.min() > 1))
    return sum(flags) / len(flags)


uneven1, uneven2 = uneven(layer1), uneven(layer2)
print(f"uneven: {uneven1:.0%} in layer 1, {uneven2:.0%} in layer 2")

# %% [markdown]
# <details><summary>Answer</summary>
#
# In layer 1, yes, to within one step (time is counted in whole steps): its input is a constant current, as in
# [notebook 00](00_spiking_neuron.ipynb). Layer 2 receives *spikes*: which neurons of layer 1 fire differs from
# step to step. With this **flicker** as input, many neurons of layer 2 fire unevenly.
#
# </details>
#
# Sort the neurons of layer 1 by the step of their first spike.
#
# > **Predict.** In the raster of layer 1, the busy rows begin at once, the quiet ones late. Is there an exception, a neuron
# > that begins later than another and still fires more often? Why, or why not?

# %% tags=["hide-output"]
active = layer1[:, layer1.sum(0) > 0]
start, count = active.argmax(0), active.sum(0)
for step in start.unique():
    group = count[start == step]
    span = f"{group.min():.0f} to {group.max():.0f} spikes"
    print(f"first spike at step {step:>2}: {len(group):>3} neurons, {span}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# There is none. A strong current reaches the threshold sooner, and again sooner. Ties there are: neurons with 25 spikes
# may begin at step 0 or at step 1. So layer 1 carries the strength of its current twice, in the count and in the time of
# the first spike: a rate code and a latency code in the same spikes.
#
# </details>
#
# The count has an upper end: a neuron that fires at every step cannot fire more often. It is **saturated**.
#
# > **Exercise 1: the upper end.** A neuron of layer 1 starts at $U = 0$, with $\beta = 0.5$. At each step it decays,
# > takes in its current, and pays 1, the threshold, if it fired at the step before: $U[t] = \beta U[t-1] + I - S[t-1]$.
# > It fires if $U[t] > 1$. From which constant current $I$ on does it fire at *every* step, however long the run?

# %% tags=["claims", "hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Checked here
assert layer1.shape == (50, 1728) and layer2.shape == (50, 1024)
assert uneven(layer1) == 0 and uneven(layer2) > 0.1


def no_late_starter_fires_more_often():
    previous = num_steps
    for step in start.unique():
        assert count[start == step].max() <= previous
        previous = count[start == step].min()


no_late_starter_fires_more_often()
assert set(start[count == 25].tolist()) == {0, 1}

# %% tags=["exercise"]
# Yours to edit: a number in place of the three dots.
my_limit = ...

# %%
exercises.check("04-always", my_limit)

# %% [markdown]
# <details><summary>Hint</summary>
#
# With a spike at each step, $S$ is always 1. Where does $U$ settle, and where must it be?
#
# </details>
#
# <details><summary>Solution</summary>
#
# With a spike at each step, $U$ settles at $(I - 1)/(1 - \beta)$. That is above 1 for $I > 2 - \beta$. Such a run
# starts at $U = I > 1$ and moves steadily towards that value, so it stays above 1.
#
# ```python
# solved_limit = 2 - 0.5
# ```
#
# </details>
#
# Does the network agree? `net[:2]` is the convolution and the pooling, so it gives the current of each neuron.

# %%
limit = float(exercises.accepted("04-always", my_limit))
with torch.no_grad():
    current = net[:2](image).flatten().cpu()

# %% tags=["hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Code of the figure
fig, ax = plt.subplots(figsize=(7, 2.8), layout="constrained")
ax.plot(current, layer1.sum(0), ".", color=style.BLUE)
ax.axvline(limit, color=style.VERMILION, linestyle="--", gid="limit")
style.note(ax, limit + 0.03, 2, "from here on\na spike at every step")
ax.set_xlim(-0.3, max(2.3, current.max() + 0.1))
style.dress(ax, "Current I (threshold: 1)", "Spikes in 50 steps")
figures.show("The count of each neuron of layer 1 against its current; a dashed line at the limit.")

# %% [markdown]
# Right of the dashed line, the count cannot tell one current from another, however far they differ. Left of it, the curve is
# a staircase, since time comes in whole steps. The widest stair: all currents from about 0.84 to 1.16 give one spike every
# second step, 25 in all. So the strength is carried in coarse steps.
#
# Up to 0.5 the count is zero: the membrane tends to $2I$ and never exceeds the threshold. (Notebook 00 calls this bound the
# rheobase.)
#
# ### The membranes behind the spikes
#
# The empty rows of the output raster all look the same. Do their membranes?

# %% tags=["claims", "hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Checked here
clear = (current - 1.5).abs() > 0.002  # away from the very limit
assert torch.equal((layer1.sum(0) == num_steps)[clear], (current > 1.5)[clear])
assert current[layer1.sum(0) > 0].min() > 0.5
stair = layer1[:, (current > 0.84) & (current < 1.16)]
assert stair.shape[1] > 5 and (stair.sum(0) == 25).all()
assert (stair[1:] + stair[:-1] == 1).all()  # every second step


def widest_stair(steps=50):
    currents = torch.linspace(0.5, 1.5, 2001, dtype=torch.float64)
    total, mem, spk = 0, torch.zeros_like(currents), torch.zeros_like(currents)
    for _ in range(steps):
        mem = 0.5 * mem + currents - spk
        spk = (mem > 1).double()
        total = total + spk
    values, sizes = total.unique(return_counts=True)
    ends = currents[total == 25]
    assert values[sizes.argmax()] == 25 and abs(ends.min() - 5 / 6) < 1e-3
    assert abs(ends.max() - 7 / 6) < 1e-3


widest_stair()

# %%
threshold = net[-1].threshold.item()
silent = totals == 0  # [N, 10]
of_image = silent[idx].nonzero().flatten().tolist()
splt.traces(
    mem_rec[:, idx, of_image], titles=[f"class {i}" for i in of_image],
    threshold=threshold, fig=plt.figure(figsize=(9, 4.4), layout="constrained"),
)
figures.show("Membranes of the output neurons that do not fire for this image.")

# %% [markdown]
# How near did they come to firing? Take the highest membrane of each silent neuron, here and for all images.

# %%
peaks = mem_rec.amax(dim=0)  # [N, 10]
highest = {"this image": peaks[idx, of_image], "all images": peaks[silent]}
for name, values in highest.items():
    below = (values < 0).float().mean()
    near = (values > threshold / 2).float().mean()
    print(f"{name}: of {len(values):,}, {below:.0%} always below zero, "
          f"{near:.0%} past half the threshold")

# %% [markdown]
# Training has pushed most of them far below zero, to very different depths, as this neuron model has no lowest
# potential. Few come near the threshold.
#
# > **Take-away.** The raster tells you who is silent. The membranes tell you how far from firing.
#
# ## Where the spikes are: feature maps
#
# Flattened neurons have lost their place in the image. Put them back: count the spikes at each position.

# %% tags=["claims", "hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Checked here
def far_below():
    lowest = mem_rec[:, idx, of_image].mean(dim=0)
    assert (peaks[silent] <= threshold).all() and lowest.max() - lowest.min() > 2
    assert (peaks[silent] < 0).float().mean() > (0.9 if digits.source == "mnist" else 0.7)
    assert (peaks[silent] > threshold / 2).float().mean() < 0.15


assert torch.equal(spk_rec, (mem_rec > threshold).float())
far_below()

# %%
splt.feature_maps(record[0])
figures.show("The 12 maps of layer 1: spikes at each position.")

# %% [markdown]
# Those that are not dark show where their filter found what it looks for: an edge from one side, a stroke, a bright area.
# Are the others dark for this image, or for every image? Ask 100 of them.

# %%
many = record_spikes(net, num_steps, images[:100].to(device)).values()
for name, one, hundred in zip(("layer 1", "layer 2"), record, many):
    here = (one.sum(dim=(0, 2, 3)) == 0).sum()
    always = (hundred.sum(dim=(0, 1, 3, 4)) == 0).sum()
    print(f"{name}: {here} dark maps here, {always} for all 100 images")

# %% [markdown]
# In layer 1 nearly all maps that are dark here are dark for all 100: they pass nothing on. No accuracy tells you that part
# of a network lies idle; its maps do.
#
# Layer 2 has 64 maps of 4 by 4 neurons. What do you see in them?

# %% tags=["claims", "hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Checked here
def dark_maps():
    always = (next(iter(many)).sum(dim=(0, 1, 3, 4)) == 0).cpu()
    here = record[0].sum(dim=(0, 2, 3)) == 0
    assert (here & ~always).sum() <= 2 and always.any()


dark_maps()

# %%
for ax in splt.feature_maps(record[1], columns=16):
    ax.set_title("")
figures.show("The 64 maps of layer 2: spikes at each position.")

# %% [markdown]
# The digit's shape is gone. A bright spot says "this combination, roughly here", and the last layer adds up such spots
# into ten classes.
#
# ## When does the decision fall?
#
# Stop the run after $n$ steps and take the class that leads. How many steps does an answer need?
#
# > **Predict.** The whole image is there at step 0, and in this library a spike passes through all layers within one
# > step. After how many of the 50 steps will 90 % of the final number of right answers be there: 1, 2, 5, 10 or 20?

# %% tags=["hide-output"]
cut = [SF.predict_rate(spk_rec[:n]) for n in range(1, num_steps + 1)]
cut_right = torch.stack([(p == targets).float().mean() for p in cut])
cut_decided = torch.stack([(p >= 0).float().mean() for p in cut])
for n in (1, 2, 3, 4, 5, 10, 20, 50):
    part = cut_right[n - 1] / cut_right[-1]
    print(f"after {n:>2} steps: {cut_right[n - 1]:.1%}, {part:.0%} of the end")
curves = {"decided": 100 * cut_decided, "decided and right": 100 * cut_right}
ax = figures.lines(curves, "Steps run", "Share of images (%)", x=range(1, 51))
ax.set_ylim(0, 101)
figures.show("Images decided, and decided rightly, against the steps run.")

# %% [markdown]
# <details><summary>Answer</summary>
#
# Two on MNIST, four on the embedded digits. After one step no class has more than one spike, so in many images two
# or more are level (on MNIST in about one of six). After ten the curve is nearly flat.
#
# </details>
#
# That was the whole set. For one image, let $N_i(n)$ be the count of class $i$ after $n$ steps. The answer $a$ is
# decided after the smallest $n$ from which on it leads *until the end*:
#
# $$N_a(m) > \max_{i \neq a} N_i(m) \quad\text{for all } m \ge n.$$
#
# `SF.decision_step` returns this $n$, or -1 for undecided images.

# %% tags=["claims", "hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Checked here
enough = (cut_right > 0.9 * cut_right[-1]).int().argmax() + 1
assert enough == (2 if digits.source == "mnist" else 4)
assert cut_decided[0] < cut_decided[-1] - 0.02


def level_after_one_step():
    fire = spk_rec[0].sum(-1)
    most = spk_rec[0].amax(-1, keepdim=True)
    tied = (fire > 0) & ((spk_rec[0] == most).sum(-1) > 1)
    return tied.float().mean()


if digits.source == "mnist":
    assert 0.08 < level_after_one_step() < 0.3
else:
    assert level_after_one_step() > 0.4

# %%
needed = SF.decision_step(spk_rec)  # [N]
for name in ("right", "wrong"):
    n = needed[groups[name]].float()
    soon = (n <= 5).float().mean()
    print(f"{len(n)} {name}: mean {n.mean():.1f}, median {n.median():.0f}, "
          f"up to 5: {soon:.0%}")
steps_of = {"right answers": needed[right], "wrong answers": needed[wrong]}
bins = torch.arange(0.5, num_steps + 1).tolist()  # a bar for each number
figures.shares(steps_of, bins, "Steps to the decision")
figures.show("How many steps the decisions need, for right and wrong answers.")

# %% [markdown]
# Most right answers stand after a handful of steps. Wrong ones take longer on average, but many fall just as early.
# (They are few, so read their shares as rough.) A network that errs need not hesitate.
#
# ### One late decision, step by step
#
# Some right answers need more than 10 steps. Counts grow by at most one a step, so to take the lead a class must
# first draw level: just before the decision, at least two classes are level.

# %%
counts = spk_rec.cumsum(dim=0)  # [T, N, 10]
slow = (right & (needed > 10)).nonzero().squeeze(1)
# After n steps stands at index n - 1, so one step earlier at n - 2.
before = counts[needed[slow] - 2, slow]  # [images, 10]
print(f"{len(slow)} right answers need more than 10 steps")

# %% [markdown]
# > **Predict.** More than ten steps, and two classes are still level. Which is the more common: both fire at only some
# > of the steps, or both at every step?

# %% tags=["hide-output"]
second_count = before.topk(2, dim=-1).values[:, 1]
full_so_far = second_count == needed[slow] - 1  # a spike at each step so far
print(f"both at every step: {full_so_far.sum()} of {len(slow)}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# More often, both fire at *every* step: this is saturation, not hesitation. Neither can do more, so the decision must wait
# until one of them misses a step.
#
# </details>
#
# Watch it happen. `explorers.spike_player` puts all that you have seen on one time axis: the maps of both layers at one
# step; raster, membranes and counts of the output up to it. The answer's curves are blue, those of the runner-up
# orange. A green line marks the decision (the player counts from 0, so $n$ steps needed means step $n-1$). Press Play,
# or move the slider, also with the arrow keys. What does the orange membrane do at the line? What do the maps do?

# %%
saturated, steps = slow[full_so_far], needed[slow][full_so_far]
late = saturated[(steps - 20).abs().argmin()].item()  # nearest to 20 steps
image_late, target = images[late : late + 1], targets[late]
player = explorers.spike_player(net, image_late, num_steps, target=target)
player

# %% tags=["hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title The green line in numbers
at = int(needed[late]) - 1  # the step: steps are counted from 0
rival = (counts[at - 1, late] == at) & (torch.arange(10) != targets[late])
print(f"step {at}: rival's membrane {mem_rec[at, late][rival].max():.2f}")
run = player.compute(step=num_steps - 1).recording  # the whole run
for layer in run.layers:
    spikes = layer.spikes.reshape(num_steps, -1).sum(axis=1)
    mean, after = spikes[:at].mean(), spikes[at:].mean()
    print(f"{layer.title}: {mean:.0f} spikes a step before, {after:.0f} after")

# %% [markdown]
# At this step the rival's membrane stays below the threshold. The number of spikes in the hidden layers stays about the
# same. What keeps the rival down is *which* neurons of layer 2 fire; the maps do not show what each says to it.
#
# > **Take-away.** Level counts may mean two loud classes. The decision is made by counting; here, no burst or pause
# > in the hidden layers marked it.
#
# ### Why so early?
#
# First, the output can answer at step 0, and the image brings nothing new later. Second, the loss charges for every
# silent step,
# the first included. Take a perfect record, and silence its first step, or its first ten.

# %% tags=["claims", "hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Checked here
def the_rival_misses_a_step():
    assert at == player.compute(step=at).recording.decision
    assert at >= 5 and rival.sum() >= 1 and counts[at - 1, late, targets[late]] == at
    assert spk_rec[at, late, targets[late]] == 1
    assert (mem_rec[at, late][rival] <= threshold).all()
    for part in run.layers:
        per_step = part.spikes.reshape(num_steps, -1).sum(axis=1)
        assert abs(per_step[at : at + 8].mean() / per_step[max(0, at - 8) : at].mean() - 1) < 0.25


def just_before_two_are_level():
    assert torch.equal(before.max(-1).values, second_count)
    assert torch.equal(before[torch.arange(len(slow)), targets[slow]], second_count)
    assert len(slow) >= 3 and full_so_far.float().mean() > 0.5


the_rival_misses_a_step()
just_before_two_are_level()
steps_right, steps_wrong = needed[right].float(), needed[wrong].float()
assert steps_right.median() <= 5 and (steps_right <= 10).float().mean() > 0.8
assert steps_wrong.mean() > steps_right.mean() and (steps_wrong <= 5).float().mean() > 0.3

# %%
labels = torch.arange(10)
perfect = torch.eye(10).repeat(num_steps, 1, 1)  # targets fire at every step
rate, total = SF.ce_rate_loss(), SF.ce_count_loss()
for silent_steps in (0, 1, 10):
    record_late = perfect.clone()
    record_late[:silent_steps] = 0
    by_step, by_count = rate(record_late, labels), total(record_late, labels)
    print(f"{silent_steps:>2}: {by_step:.4f} by step, {by_count:.4f} in all")

# %% [markdown]
# `ce_rate_loss` charges the same for every silent step, early or late: the difference between $\ln 10$ (silence) and the
# floor 1.461 of [notebook 03](03_training.ipynb), divided by $T$. `ce_count_loss` looks at totals only, and is near
# zero in all three cases.
#
# So on *still images*, most of the 50 steps add little: with ten the network is nearly as often right, at a fifth of the
# work. Data that unfold in time, such as sounds, bring news in later steps.
#
# > **Take-away.** Before you go on paying for many time steps, cut a record off and look. With the record in hand, that
# > costs nothing.
#
# "Leads until the end" is known only in hindsight. To stop early, a rule may use only what it has seen by then.
#
# > **Exercise 2: stop early.** Stop an image as soon as the counts so far put one class at least `lead` spikes ahead of
# > the next; otherwise run to the last step. (`lead` is 1 or more.) Return two tensors `[B]`: the answers, and how many
# > steps were run, from 1 to T. The answer is the class that leads at the stop, and -1 if several are level there.

# %% tags=["claims", "hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Checked here
import math


def a_silent_step_costs(loss, silent_steps):
    with_gap = perfect.clone()
    with_gap[:silent_steps] = 0
    return loss(with_gap, labels).item() - loss(perfect, labels).item()


fee = (math.log(10) - math.log(1 + 9 / math.e)) / num_steps
assert math.isclose(a_silent_step_costs(rate, 1), fee, rel_tol=1e-3)
assert math.isclose(a_silent_step_costs(rate, 10), 10 * fee, rel_tol=1e-3)
late_gap = perfect.clone()
late_gap[-10:] = 0  # late steps cost as much as early ones
assert math.isclose((rate(late_gap, labels) - rate(perfect, labels)).item(), 10 * fee, rel_tol=1e-3)
assert abs(a_silent_step_costs(total, 10)) < 1e-6 and total(perfect, labels) < 1e-6
assert round(rate(perfect, labels).item(), 4) == 1.4612 and round(fee, 4) == 0.0168
assert cut_right[9] > 0.9 * cut_right[-1]

# %% tags=["exercise"]
def my_stop(spk_rec, lead):
    # Yours to edit. spk_rec is [T, B, C].
    ...

# %%
exercises.check("04-early-stop", my_stop)

# %% [markdown]
# <details><summary>Hint</summary>
#
# `cumsum` gives the counts so far, `topk(2)` the two highest. The `argmax` of an array of truth values is its first
# `True`. What is it if there is none? `SF.predict_rate` answers -1 where several are level.
#
# </details>
#
# <details><summary>Solution</summary>
#
# ```python
# def solved_stop(spk_rec, lead):
#     best = spk_rec.cumsum(dim=0).topk(2, dim=-1).values
#     enough = best[..., 0] - best[..., 1] >= lead
#     steps = torch.where(enough.any(0), enough.int().argmax(0) + 1, len(spk_rec))
#     seen = torch.arange(len(spk_rec), device=steps.device).unsqueeze(1) < steps  # [T, B]
#     return SF.predict_rate(spk_rec * seen.unsqueeze(-1)), steps
# ```
#
# </details>
#
# What does it save?

# %%
stop_early = exercises.accepted("04-early-stop", my_stop)
for lead in (1, 2, 3, 5):
    answers, stops = stop_early(spk_rec, lead)
    hits = (answers == targets).float().mean()
    to_the_end = (stops == num_steps).float().mean()
    print(f"lead {lead}: {stops.float().mean():4.1f} steps on average, "
          f"{hits:.1%} right, {to_the_end:.1%} run to the end")
print(f"all {num_steps} steps: {right.float().mean():.1%} right")

# %% [markdown]
# A lead of two or three gives about as many right answers in a fraction of the steps. Most images stop soon. The few that
# run to the end, the undecided among them, make up a good part of the mean. Choose the lead on the validation set.
#
# ## What a wrong answer looks like
#
# Which classes are confused with which? Rows are the true classes, columns the answers; the last is for undecided
# images.

# %% tags=["claims", "hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Checked here
def a_lead_saves_steps(lead_of):
    decided_by, run_steps = stop_early(spk_rec, lead_of)
    assert run_steps.float().mean() < num_steps / 2 and run_steps.float().median() < 10
    to_end = run_steps == num_steps
    assert to_end[undecided].float().mean() > 0.3 and to_end.float().mean() < 0.2
    assert to_end.sum() * num_steps > 0.15 * run_steps.sum()
    assert (decided_by == targets).float().mean() > right.float().mean() - 0.03


a_lead_saves_steps(2)
a_lead_saves_steps(3)

# %%
_, matrix = figures.confusion_matrix(targets, predictions)
figures.show("Answers for each true class, undecided images in a last column.")
found = torch.as_tensor(matrix.diagonal() / matrix.sum(1))
easy, hard = found.argmax().item(), found.argmin().item()
print(f"right: {found[easy]:.0%} of the {easy}s, {found[hard]:.0%} of {hard}s")

# %% [markdown]
# Blue on the diagonal is right. Orange is wrong or undecided, and not spread evenly: some classes are harder for this
# network. One number for all ten cannot show that.
#
# Now two images: the wrong answer with the *largest* margin, and one of those with margin 0.

# %% tags=["claims", "hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Checked here
off_diagonal = torch.as_tensor(matrix) * ~torch.eye(10, 11, dtype=torch.bool)
assert off_diagonal[:, :10].sum() == wrong.sum() and off_diagonal[:, 10].sum() == undecided.sum()
assert found[easy] - found[hard] > 0.05

# %%
mistakes = wrong.nonzero().squeeze(1)
confident = mistakes[margin[mistakes].argmax()].item()
closest = margin.argmin().item()  # the first of them
print(f"margins: {margin[confident]:.0f} and {margin[closest]:.0f}")

# %% tags=["hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Code of the figure
def draw_two(pair):
    fig, axes = plt.subplots(2, 3, figsize=(9, 6), width_ratios=[1, 2, 2], layout="constrained")
    for row, i in zip(axes, pair, strict=True):
        answer = f"answer {predictions[i]}" if predictions[i] >= 0 else "no answer"
        row[0].imshow(images[i, 0], cmap="gray", vmin=0, vmax=1)
        row[0].set_title(f"a {targets[i]}, {answer}")
        row[0].set_axis_off()
        splt.raster(spk_rec[:, i], row[1])
        row[1].set(ylabel="Class", yticks=range(10))
        splt.spike_count(spk_rec[:, i], ax=row[2])


draw_two((confident, closest))
figures.show("Top, a wrong answer; bottom, an undecided image: digit, raster, counts.")

# %% [markdown]
# Above, the wrong answer looks like many a right one: one row stands out, one bar is longest. Below, no class leads.
#
# There are three ways to be undecided: no class fires; the leading classes are level because they fire at *every* step;
# or they are level below that.

# %%
silence = undecided & (first == 0)
full = undecided & (first == num_steps)
lower = undecided & ~silence & ~full
print(f"{silence.sum()} silent, {full.sum()} level at {num_steps}, "
      f"{lower.sum()} level below that")

# %% [markdown]
# Most are of the second kind: saturation again. A loss that drives the target to its limit leaves no room above it.
# But where counts are level, membranes need not be.
#
# > **Exercise 3: let the membrane decide.** Where one class has more spikes than any other, it is the answer. Elsewhere
# > take the one whose recorded membrane, the $U[t]$ that is compared with the threshold, is highest on average over the
# > steps: of all classes or of the level ones, as you like. Return a tensor `[B]`.

# %% tags=["claims", "hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Checked here
assert margin[confident] >= 15 and margin[closest] == 0 and full.sum() > lower.sum() + silence.sum()
assert silence.sum() + lower.sum() + full.sum() == undecided.sum()

# %% tags=["exercise"]
def my_choice(spk_rec, mem_rec):
    # Yours to edit. Both records are [T, B, C]; return classes, [B].
    ...

# %%
exercises.check("04-undecided", my_choice)

# %% [markdown]
# <details><summary>Hint</summary>
#
# `SF.predict_rate` says where there is no answer, and `torch.where` puts two answers together.
#
# </details>
#
# <details><summary>Solution</summary>
#
# ```python
# def solved_choice(spk_rec, mem_rec):
#     answers = SF.predict_rate(spk_rec)
#     return torch.where(answers >= 0, answers, mem_rec.mean(dim=0).argmax(-1))
# ```
#
# </details>

# %%
choose = exercises.accepted("04-undecided", my_choice)
chosen = choose(spk_rec, mem_rec)
level = totals == totals.amax(-1, keepdim=True)  # who leads
chance = level[torch.arange(len(targets)), targets] / level.sum(-1)
saved = (chosen == targets)[undecided].sum()
print(f"membrane: {saved} of {undecided.sum()} undecided are right")
print(f"a guess among the level: {chance[undecided].sum():.0f}, on average")
alone = (mem_rec.mean(dim=0).argmax(-1) == targets).float().mean()
print(f"all images: membrane alone {alone:.1%} right, "
      f"spikes first {(chosen == targets).float().mean():.1%}")

# %% [markdown]
# On MNIST the membranes know more than a guess does. (The embedded digits leave too few undecided images to tell.) Even
# alone, for every image, they are about as good as with the spikes.
#
# ### What is a margin worth?

# %% tags=["claims", "hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Checked here
assert torch.equal(chosen[~undecided].long(), predictions[~undecided])
if digits.source == "mnist":
    rescued = (chosen == targets)[undecided].sum()
    assert rescued > (totals.argmax(-1) == targets)[undecided].sum()
    assert rescued > chance[undecided].sum()
assert abs(alone - (chosen == targets).float().mean()) < 0.04

# %%
margins = {"right answers": margin[right], "wrong answers": margin[wrong]}
figures.shares(margins, range(0, num_steps + 1, 5), "Margin (spikes)")
figures.show("The margins of the right and of the wrong answers.")

# %% [markdown]
# They differ, and they overlap. A large margin is no guarantee.
#
# Let the network refuse an answer when the margin is below some $m$, and pass these images on to someone else.
#
# > **Predict.** Read it off the two histograms, for $m = 20$ (add the four bars left of 20): about which share of the
# > wrong answers is gone? Which share of the right ones?

# %% tags=["hide-output"]
for m in (1, 5, 10, 20, 40):
    sure = margin >= m
    avoided = (wrong & ~sure).sum() / wrong.sum()
    lost = (right & ~sure).sum() / right.sum()
    kept, good = sure.float().mean(), right[sure].float().mean()
    print(f"m = {m:>2}: {avoided:4.0%} of wrong, {lost:4.0%} of right gone; "
          f"{kept:.0%} answered, {good:.1%} of them right")

# %% [markdown]
# <details><summary>Answer</summary>
#
# On MNIST, 72 % of the wrong ones and 7 % of the right ones; on the embedded digits, 70 % and 24 %. So those that are left are more often right, but there are fewer. ($m = 1$ refuses just the
# undecided.)
#
# </details>
#
# Choose $m$, too, on the validation set.
#
# Two short riddles for your eye follow, then a pause in which you draw.
#
# ## Find the fault
#
# Networks A, B and C have the same architecture, and see the first test image. One is trained. One is untrained. One is
# the trained network with a fault in one layer. Dice decide who is who. We draw 100 neurons of each hidden layer, the
# same ones for all three, and the ten outputs.

# %% tags=["claims", "hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Checked here
assert margin[right].median() > margin[wrong].median() + 5
assert margin[wrong].max() > margin[right].quantile(0.25)  # they overlap
assert margin[right].min() <= 5 and margin[wrong].min() <= 5
def what_20_costs():
    gone = [(margin[group] < 20).float().mean().item() for group in (wrong, right)]
    told = (0.72, 0.07) if digits.source == "mnist" else (0.70, 0.24)
    assert all(abs(a - b) < 0.02 for a, b in zip(gone, told, strict=True)), gone


what_20_costs()
assert right[margin >= 20].float().mean() > right[margin >= 1].float().mean()

# %%
utils.reset(net)
ward = [net, material.fresh(seed=2).to(device), material.with_a_fault(net)]
dice = torch.randperm(3, generator=torch.Generator().manual_seed(0))
charts, first_image = {}, images[:1].to(device)
for name, number in zip("ABC", dice.tolist()):
    spikes = record_spikes(ward[number], num_steps, first_image).values()
    charts[name] = [x[:, 0].flatten(1).cpu() for x in spikes]

# %% tags=["hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Code of the figure
def draw_charts():
    generator = torch.Generator().manual_seed(0)
    some = [torch.randperm(size, generator=generator)[:100] for size in (1728, 1024, 10)]
    fig, axes = plt.subplots(3, 3, figsize=(9, 6.4), sharex=True, layout="constrained")
    for column, (name, chart) in enumerate(charts.items()):
        for layer, ax in enumerate(axes[::-1, column]):
            splt.raster(chart[layer][:, some[layer].sort().values], ax)
            ax.set(xlabel="Time step" if layer == 0 else "", ylabel="")
        axes[0, column].set_title(f"Network {name}")
    for ax, name in zip(axes[:, 0], ("Output", "Layer 2", "Layer 1"), strict=True):
        ax.set_ylabel(f"{name} (neuron)")


draw_charts()
figures.show(
    "Networks A, B and C side by side; of each the output on top, layer 2, layer 1 at the bottom."
)

# %% [markdown]
# > **Predict.** Look at the rasters. Which networks are silent at the output? For each of these, in which layer does the
# > silence begin? Which network is untrained?

# %% tags=["hide-output"]
for name, chart in charts.items():
    numbers = ", ".join(f"{int(spikes.sum()):>6,}" for spikes in chart)
    print(f"{name}: {numbers} spikes in layer 1, layer 2 and the output")

# %% [markdown]
# <details><summary>Answer</summary>
#
# B is the trained network: it alone has an output.
#
# In A both hidden layers fire exactly as in B, so A is the copy with the fault. Only its output is silent. So look at the
# last layer, and leave the others alone. (The rasters do not show which fault it is: here the threshold was set to 100.)
#
# C is what is left: untrained, as the silent network of [notebook 02](02_convolutional_snn.ipynb) was. Its silence begins
# in layer 2: layer 1 fires, but its spikes do not lift layer 2 over the threshold.
#
# </details>
#
# > **Take-away.** When a network does not learn, draw the raster of every layer, from the input upwards. The first empty
# > one is where to look: its weights, its threshold, the spikes that reach it.
#
# ## Which loss was it?
#
# One more diagnosis. Three other, small networks, P, Q and R, started from the same weights and saw the same printed
# digits. They have no hidden layer and run for 20 steps. Each was trained with another loss:
#
# - `ce_rate_loss` takes the spikes of each step as scores;
# - `ce_max_membrane_loss` takes the highest *membrane* of each neuron as its score, and looks at no spike;
# - `mse_count_loss` wants a count of each neuron: 80 % of the steps from the target, 20 % from the others.
#
# Here is what their ten outputs say to two images.

# %% tags=["claims", "hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Checked here
sums = {name: [int(spikes.sum()) for spikes in chart] for name, chart in charts.items()}
assert min(sums["B"]) > 0
assert sums["A"][:2] == sums["B"][:2] and sums["A"][2] == 0
assert 0 < sums["C"][0] != sums["B"][0] and sums["C"][1:] == [0, 0]

# %%
records, labels_small = material.mystery_records()

# %% tags=["hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Code of the figure
def draw_outputs(pair):
    fig, axes = plt.subplots(2, 3, figsize=(9, 5), sharex=True, layout="constrained")
    for row, i in zip(axes, pair, strict=True):
        for ax, (name, outputs) in zip(row, records.items(), strict=True):
            splt.raster(outputs[:, i], ax)
            ax.set(title=f"Network {name}, a {labels_small[i]}", yticks=range(10), ylabel="Class")
    for ax in axes[0]:
        ax.set_xlabel("")


draw_outputs((7, 1))
figures.show("Networks P, Q and R side by side: their outputs for two images.")

# %% [markdown]
# > **Exercise 4: name the losses.** Which network was trained with which loss? Each loss was used once. `records` holds
# > 20 images, `[T, B, 10]` for each network, if two are too few.

# %% tags=["exercise"]
# Yours to edit: "ce_rate_loss", "ce_max_membrane_loss" or "mse_count_loss".
my_diagnosis = {"P": ..., "Q": ..., "R": ...}

# %%
exercises.check("04-which-loss", my_diagnosis)

# %% [markdown]
# <details><summary>Hint</summary>
#
# What does each loss say to a *wrong* neuron that fires? And to a target that fires at every step?
#
# </details>
#
# <details><summary>Solution</summary>
#
# In P the target's row nearly always has gaps, and many others have marks. The rates are pulled towards 80 % and 20 %, but
# are not there yet: in a few images a wrong neuron still fires at every step.
#
# In Q and R the target's row is nearly always full. In Q all other rows are empty for most images, as each wrong spike
# costs. In R wrong neurons fire for every image, and for most a rival at every step, as here: the target's highest membrane
# must exceed theirs, and nobody has asked them to be silent.
#
# ```python
# solved_diagnosis = {"P": "mse_count_loss", "Q": "ce_rate_loss", "R": "ce_max_membrane_loss"}
# ```
#
# </details>
#
# ## Draw a digit
#
# Draw a digit with mouse, finger or keys, and the network of this notebook answers with its spikes. (Where no kernel
# runs, as in the online book, choose from some drawings.) Your drawing is scaled and centered as the images were that
# the network knows: compare it with what the network sees.
#
# > **Predict.** What will the network answer to a cross: one class, two that are level, or nothing?

# %% tags=["claims", "hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Checked here
def handwriting():
    full_rows, quiet, loud, gaps = {}, {}, {}, {}
    for letter, outputs in records.items():
        of_class = outputs.sum(0)
        target_of = torch.nn.functional.one_hot(labels_small, 10).bool()
        others = of_class.masked_fill(target_of, 0)
        full_rows[letter] = (of_class[target_of] == len(outputs)).float().mean()
        gaps[letter], quiet[letter] = 1 - full_rows[letter], (others.sum(1) == 0).float().mean()
        loud[letter] = (others.amax(1) == len(outputs)).float().mean()
    assert gaps["P"] > 0.8 and quiet["P"] == 0 and (records["P"].sum(0) > 0).sum(1).min() >= 4
    assert (records["P"].sum(0)[[7, 1], [7, 1]] < 20).all() and 0 < loud["P"] < 0.3
    assert ((records["R"].sum(0)[[7, 1]] == 20).sum(1) >= 2).all()  # the target and a rival
    assert full_rows["Q"] > 0.9 and full_rows["R"] == 1
    assert 0.5 < quiet["Q"] < 1 and quiet["R"] == 0 and loud["R"] > 0.5


handwriting()

# %%
drawing = explorers.draw_digit(net, num_steps, source=digits.source)
drawing

# %% tags=["hide-output"]
for name in ("a cross, no digit", "between 4 and 9", "nothing"):
    print(f"{name}: {drawing.compute(drawn=name).sentence}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# The cross makes output neurons fire as a digit does. On MNIST, two of them are level at every step; on the embedded
# digits, the 8 wins. There is no neuron for "this is no digit".
#
# On MNIST the drawing between 4 and 9 makes both fire at nearly every step: saturation once
# more. On the embedded digits it is read as a 9.
#
# An empty canvas gives no current but that of the biases. If these are too small to drive the output, there is silence,
# the only honest answer; but no loss has asked for it.
#
# </details>

# %% tags=["claims", "hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Checked here
def printed_digits_are_read():
    names = [f"an {i}" if i == 8 else f"a {i}" for i in range(10)]
    read = [drawing.compute(drawn=name).recording.prediction for name in names]
    return sum(answer == i for i, answer in enumerate(read))


assert printed_digits_are_read() >= (8 if digits.source == "mnist" else 5)
cross, between = (drawing.compute(drawn=name) for name in ("a cross, no digit", "between 4 and 9"))
if digits.source == "mnist":
    assert (cross.counts == num_steps).sum() == 2
    assert between.counts[[4, 9]].min() >= num_steps - 2
else:
    assert cross.recording.prediction == 8 and between.recording.prediction == 9

# %% [markdown]
# ## If you have time
#
# ### One map over time
#
# The counts of a map hide the order of its spikes. Here is the busiest map of layer 1, step by step.

# %%
busiest = record[0].sum(dim=(0, 2, 3)).argmax().item()
frames = record[0][:, busiest]  # [T, 12, 12]
changed = (frames[1:] != frames[:-1]).flatten(1)
print(f"{changed.any(1).sum()} of {num_steps - 1} times the picture changes, "
      f"in {changed.float().mean():.0%} of the neurons on average")
anim = splt.animator(frames, interval=200)
figures.to_html(anim, dpi=60, alt=f"Spikes of map {busiest} at each step.")

# %% [markdown]
# At step 0, only the neurons with a current above the threshold fire. Each neuron keeps its interval, but these are
# unlike: neurons fall in and out of step, and the frames go on to differ. No single frame tells it all; the average
# over steps does. Layer 2 gets the frames, not the average.
#
# ### The first spike
#
# An impatient decoder does not count, but takes the neuron that fires first.
#
# > **Exercise 5 (optional): the first spike.** Write a decoder that returns, as a tensor `[B]`, the class of the neuron
# > that fires first for each image. Return -1 where none fires, or where several fire first, at the same step.

# %% tags=["claims", "hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Checked here
assert torch.equal(frames[0].flatten() > 0, current.view(12, -1)[busiest] > threshold)
assert changed.any(1).float().mean() > 0.9 and changed.float().mean() < 0.5

# %% tags=["exercise"]
def my_decoder(spk_rec):
    # Yours to edit. spk_rec is [T, B, C]; return classes or -1, [B].
    ...

# %%
exercises.check("04-first-spike", my_decoder)

# %% [markdown]
# <details><summary>Hint</summary>
#
# Find the first step at which *anyone* fires. Look at the spikes of that step only.
#
# </details>
#
# <details><summary>Solution</summary>
#
# ```python
# def solved_decoder(spk_rec):
#     fired = (spk_rec > 0).any(-1)  # [T, B]: does anyone fire at this step?
#     first = spk_rec[fired.int().argmax(0), torch.arange(spk_rec.shape[1])]  # [B, C]
#     return torch.where(first.sum(-1) == 1, first.argmax(-1), -1)
# ```
#
# </details>

# %%
decode = exercises.accepted("04-first-spike", my_decoder)
by_first = decode(spk_rec)
for name, answers in {"first spike": by_first, "count": predictions}.items():
    said, hits = (answers >= 0).float(), (answers == targets).float()
    print(f"{name:<11}: decided {said.mean():.1%}, right {hits.mean():.1%}, "
          f"of the decided {hits.sum() / said.sum():.1%}")
there = (predictions == targets)[by_first >= 0].float().mean()
print(f"count, on those that the first spike decides: {there:.1%} right")

# %% [markdown]
# Where the first spike decides, it looks at least as reliable as the count. But these are the easier images, and on them
# the count is as good. Elsewhere several classes fire first at the same step, nearly always the right one among them.
# `ce_rate_loss` does ask the target alone to fire at step 0, but with the weight of any other step, $1/T$.
#
# ### Training with ten steps
#
# > **Try it.** Ten steps are enough to *answer*. Are they enough to *learn*? Train a second network with 10 steps.
# > Compare it with the first after as many updates, and after five times as many: about the same work. (Half a minute.)
#
# <details><summary>Answer</summary>
#
# ```python
# from tutorial_lib import networks, surrogate, training
#
# training.seed_everything(0)
# short = networks.conv_net(beta=0.5, spike_grad=surrogate.fast_sigmoid(slope=25)).to(device)
# optimizer, loss_fn = torch.optim.Adam(short.parameters(), lr=1e-2), SF.ce_rate_loss()
# train_loader = data.loaders(digits, batch_size=128).train
# test_loader = torch.utils.data.DataLoader(test, batch_size=250)
# updates = 100 if digits.source == "mnist" else 40
# print("50 steps:", training.evaluate(net, test_loader, num_steps))
# for _ in range(5):
#     training.train(short, train_loader, optimizer, loss_fn, 10, num_iterations=updates)
#     print("10 steps:", training.evaluate(short, test_loader, 10))
# ```
#
# On MNIST, `accuracy_rate` gives 94 % for the network above. With ten steps and one seed, we got 89 % after as many
# updates, and 96 % after the same work. On the embedded digits these were 89 %, 82 % and 94 %. Ten steps taught less per
# update, but more per unit of work. One seed proves no law; do compare recipes at equal work.
#
# </details>

# %% tags=["claims", "hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Checked here
def first_spikes_tie():
    said_first, unsaid = by_first >= 0, by_first < 0
    assert unsaid.float().mean() > 2 * undecided.float().mean()  # it often does not decide
    reliable = (by_first == targets)[said_first].float().mean()
    overall = right[~undecided].float().mean()
    assert -0.01 < reliable - overall < 0.15
    assert there > overall and there > reliable - 0.02  # the easier images
    step = (spk_rec > 0).any(-1).int().argmax(0)
    told = 0.94 if digits.source == "mnist" else 0.89
    assert abs(SF.accuracy_rate(spk_rec, targets) - told) < 0.01
    tied = spk_rec[step, torch.arange(len(step))][unsaid]
    assert (tied.sum(-1) >= 2).float().mean() > 0.9  # level, not silent
    assert tied[torch.arange(len(tied)), targets[unsaid]].mean() > 0.85


first_spikes_tie()

# %% [markdown]
# ## Summary
#
# - A raster shows who fires, the membranes how far the silent are from it, the counts who leads, and the maps where.
# - Layer 1 turns a constant current into regular spikes: the stronger, the sooner and the more often. Layer 2
#   receives flicker: spikes that differ from step to step.
# - Most decisions fall within a few steps. On still images, the steps after the tenth add little.
# - Level counts often come from saturation: both classes fire at every step. The membranes can still tell the
#   classes apart.
# - Wrong answers have smaller margins on the whole, but one can be as loud as a right one.
# - For a silent output, look first at the lowest silent layer: its weights, its threshold, the spikes that reach it.
#
# **What comes next.** [Fast simulation, same results](05_fast_simulation.ipynb): why 50 steps cost what they cost, how
# to run them faster without changing a spike, and how many it takes.
#
# **Further reading.** [Thorpe, Delorme & Van Rullen 2001](https://doi.org/10.1016/S0893-6080(01)00083-1) on
# decisions by the first spikes; [Chowdhury, Rathi & Roy 2021](https://doi.org/10.48550/arXiv.2110.05929) on
# networks that need a single time step; [Chow 1970](https://doi.org/10.1109/TIT.1970.1054406) on refusing
# an answer; [Eshraghian et al. 2023](https://doi.org/10.1109/JPROC.2023.3308088) for the whole field.
