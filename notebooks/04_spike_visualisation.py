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
# [Open in Colab](https://colab.research.google.com/github/OWNER/snn-course/blob/main/notebooks/04_spike_visualisation.ipynb)
#
# **You will**
#
# - follow one image through a trained network: rasters, membranes, feature maps, an animated spike counter;
# - find the time step at which the decision falls, and see what the steps after it are worth;
# - look at wrong answers, and tell apart a narrow one, a confident one and none at all;
# - diagnose a silent network from its rasters alone.
#
# **You need** [notebook 02](02_convolutional_snn.ipynb) for the network and `record_spikes`, and
# [notebook 03](03_training.ipynb) for the loss and the decision rate.
#
# **Time**: about 70 minutes to read and try; on two cores up to three minutes to run, most of it for
# training.

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
import math

import matplotlib.pyplot as plt
import torch

from course_kit import exercises, explorers
from course_kit.exercises import material
from tutorial_lib import data, networks, surrogate, training, utils
from tutorial_lib import functional as SF
from tutorial_lib import plotting as splt
from tutorial_lib.simulation import forward_pass, record_spikes

device = torch.device("cuda" if torch.cuda.is_available() else "cpu")

# %% [markdown]
# ## A network to look at
#
# Train the network of [notebook 03](03_training.ipynb), but only briefly. A network that still makes
# mistakes has more to show.

# %%
digits = data.load()
loaders = data.loaders(digits, batch_size=128)
num_steps = 50
iterations = 100 if digits.source == "mnist" else 40

# %%
training.seed_everything(0)
net = networks.conv_net(beta=0.5, spike_grad=surrogate.fast_sigmoid(slope=25)).to(device)
optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
loss_fn = SF.ce_rate_loss()
history = training.train(
    net, loaders.train, optimizer, loss_fn, num_steps, num_iterations=iterations
)

# %% [markdown]
# Now run it over test images, at most 1,000 of them, and keep everything that the output layer does. The
# two records have the shape `[T, N, 10]`: step, image, class. Nearly all of this notebook is computed from
# them.

# %%
test = data.subset(digits.test, min(1000, len(digits.test)), seed=0)
images, targets = test.tensors
with torch.no_grad():
    parts = [forward_pass(net, num_steps, part.to(device)) for part in images.split(250)]
spk_rec = torch.cat([spk for spk, _ in parts], dim=1).cpu()
mem_rec = torch.cat([mem for _, mem in parts], dim=1).cpu()
print("spk_rec", list(spk_rec.shape), "   mem_rec", list(mem_rec.shape))

# %% [markdown]
# Add up the spikes over time: the class with the most is the answer. `SF.predict_rate` returns that class,
# or -1 where there is none, because of silence or a tie. The **margin** is the count of the first class
# minus the count of the second.

# %%
totals = spk_rec.sum(dim=0)  # [N, 10]
first, second = totals.topk(2, dim=-1).values.T
margin = first - second
predictions = SF.predict_rate(spk_rec)
right = predictions == targets
wrong = (predictions >= 0) & ~right
undecided = predictions < 0
for name, group in {"right": right, "wrong": wrong, "undecided": undecided}.items():
    print(f"{group.sum():>4} of {len(targets):,} {name}")

# %%
assert right.float().mean() > (0.8 if digits.source == "mnist" else 0.7)
assert wrong.any()
assert torch.equal(undecided, margin == 0)
assert right.sum() + wrong.sum() + undecided.sum() == len(targets)

# %% [markdown]
# ## One image's way through the network
#
# Pick an image that the network gets right, but not easily: the margin shall be near 25, half of what is
# possible.

# %%
candidates = right.nonzero().squeeze(1)
idx = candidates[(margin[candidates] - 25).abs().argmin()].item()
image = images[idx : idx + 1].to(device)
print(f"image {idx}: a {targets[idx]}, margin {margin[idx]:.0f}")
assert 10 <= margin[idx] <= 40

# %% [markdown]
# ### The output raster
#
# A **raster** has one row per neuron and one mark per spike. Time runs to the right.
#
# > **Predict.** There are ten output neurons, and 50 steps. The answer is right, with a margin near 25. How
# > many rows will have marks, and how many marks will the fullest row have?

# %%
fig, (left, axis) = plt.subplots(1, 2, figsize=(9, 2.8), width_ratios=[1, 3], layout="constrained")
left.imshow(images[idx, 0], cmap="gray", vmin=0, vmax=1)
left.set_title(f"a {targets[idx]}")
left.set_axis_off()
splt.raster(spk_rec[:, idx], axis)
axis.set(ylabel="Output neuron = class", yticks=range(10))
splt.show("A digit and its output raster: the right class fires at most steps, a rival at fewer.")

# %%
fired = int((totals[idx] > 0).sum())
print(f"{fired} rows with marks; the fullest has {first[idx]:.0f}, the next {second[idx]:.0f}")
assert totals[idx].argmax() == targets[idx]
assert first[idx] >= 25 and fired <= 6

# %% [markdown]
# <details><summary>Answer</summary>
#
# Few rows have marks. The fullest is the right class, and it fires at nearly every step, if not at all of
# them. That is what `ce_rate_loss` asks for: its floor is reached by a target neuron that fires at *every*
# step. The rival is about 25 spikes behind.
#
# </details>
#
# ### The layers below
#
# `record_spikes` keeps the spikes of every layer of neurons. Layer 1 has 12 maps of 12 by 12 neurons, layer
# 2 has 64 maps of 4 by 4. A raster wants one axis of neurons, so flatten the maps.

# %%
record = [spikes[:, 0].cpu() for spikes in record_spikes(net, num_steps, image).values()]
layer1, layer2 = record[0].flatten(1), record[1].flatten(1)
assert layer1.shape == (50, 1728) and layer2.shape == (50, 1024)

for name, spikes in {"layer 1": layer1, "layer 2": layer2}.items():
    share = (spikes.sum(0) > 0).float().mean()
    print(f"{name}: {share:.0%} of the neurons fire, {spikes.mean():.1%} of all entries are spikes")

# %%
assert 0.03 < (layer1.sum(0) > 0).float().mean() < 0.5
assert layer1.mean() < 0.25 and layer2.mean() < 0.5

# %% [markdown]
# Most neurons of layer 1 never fire for this image. Draw 40 of those that do, sorted by their count.
#
# > **Predict.** The image does not change in all 50 steps. Will the spikes of one neuron come at regular
# > intervals? In layer 1? In layer 2?


# %%
def sample(spikes, size=40):
    active = spikes[:, spikes.sum(0) > 0]
    chosen = torch.randperm(active.shape[1], generator=torch.Generator().manual_seed(0))[:size]
    return active[:, chosen[active[:, chosen].sum(0).argsort()]]


# %%
fig, axes = plt.subplots(2, 1, figsize=(8, 6), sharex=True, layout="constrained")
for ax, name, spikes in zip(axes, ("Layer 1", "Layer 2"), (layer1, layer2), strict=True):
    splt.raster(sample(spikes), ax, s=10)
    ax.set_title(name, loc="left")
    ax.set_ylabel("Neuron, sorted by count")
axes[0].set_xlabel("")
splt.show("Layer 1 fires in even rows, denser from bottom to top; layer 2 with gaps and bursts.")

# %% [markdown]
# Do not trust the eye alone. Take the intervals between the spikes of each neuron, and compare its longest
# with its shortest.


# %%
def uneven(spikes):
    """Share of neurons whose longest and shortest interval differ by more than one step."""
    flags = []
    for train in spikes.T[spikes.sum(0) > 2]:
        intervals = train.nonzero().squeeze(1).diff()
        flags.append(bool(intervals.max() - intervals.min() > 1))
    return sum(flags) / len(flags)


print(f"uneven in layer 1: {uneven(layer1):.0%}, in layer 2: {uneven(layer2):.0%}")
assert uneven(layer1) == 0 and uneven(layer2) > 0.1

# %% [markdown]
# <details><summary>Answer</summary>
#
# Layer 1 is regular without exception: the intervals of a neuron differ by one step at most. Its input is a
# constant current, and that is what [notebook 00](00_spiking_neuron.ipynb) showed for one. (The one step
# comes from counting time in whole steps.) Layer 2 receives *spikes*, which come and go, so many of its
# neurons fire unevenly.
#
# Whole columns of marks stand in line because all neurons started from zero at the same moment.
#
# </details>
#
# Look at the left edge of layer 1 as well. The busy rows at the top begin at once, the quiet rows below
# begin late. Is that so for every neuron? Sort them by the step of their first spike.

# %%
active = layer1[:, layer1.sum(0) > 0]
start, count = active.argmax(0), active.sum(0)
previous = math.inf
for step in start.unique():
    group = count[start == step]
    span = f"{group.min():.0f} to {group.max():.0f}"
    print(f"first spike at step {step:>2}: {len(group):>3} neurons with {span} spikes")
    assert group.max() <= previous  # no late starter fires more often than an earlier one
    previous = group.min()

# %% [markdown]
# It is so without exception. A strong current reaches the threshold sooner, and reaches it again sooner. So
# layer 1 carries the strength of a current twice: in the count, and in the time of the first spike. That is
# a rate code and a latency code in the same spikes.
#
# > **Take-away.** In layer 1 all timing comes from the strength of a constant current. From layer 2 on, the
# > spikes also depend on each other.
#
# The count has an upper end. A neuron that fires at every step cannot fire more often.
#
# > **Exercise 1: the upper end.** A neuron of layer 1 has $\beta = 0.5$, threshold 1 and reset by subtraction. From
# > which constant current on does it fire at *every* step, however long the run?

# %% tags=["exercise"]
# Yours to edit: a number in place of the three dots.
my_limit = ...

# %%
exercises.check("04-always", my_limit)

# %% [markdown]
# <details><summary>Hint</summary>
#
# With a spike at each step the update is $U[t] = \beta U[t-1] + I - 1$. Where does $U$ settle, and where must it be?
#
# </details>
#
# <details><summary>Solution</summary>
#
# $U$ settles at $(I - 1)/(1 - \beta)$. That is above 1 for $I > 2 - \beta$.
#
# ```python
# solved_limit = 2 - 0.5
# ```
#
# </details>
#
# The network shows it too. `net[:2]` is the convolution and the pooling, so it gives the current of each neuron.

# %%
limit = float(exercises.accepted("04-always", my_limit))
with torch.no_grad():
    current = net[:2](image).flatten().cpu()

# %%
fig, ax = plt.subplots(figsize=(7, 2.8), layout="constrained")
ax.plot(current, layer1.sum(0), ".", color=splt.style.BLUE)
ax.axvline(limit, color=splt.style.VERMILION, linestyle="--", gid="limit")
splt.style.note(ax, limit + 0.02, 2, "from here on\na spike at every step")
ax.set(xlabel="Current (units of the threshold)", ylabel="Spikes in 50 steps", xlim=(0, 2.5))
splt.style.dress(ax)
splt.show(
    "Counts of layer 1 against the current: zero, then a staircase that ends at the dashed line."
)

# %%
clear = (current - 1.5).abs() > 0.002  # away from the very limit
full = layer1.sum(0) == num_steps
assert torch.equal(full[clear], (current > 1.5)[clear])
assert current[layer1.sum(0) > 0].min() > 0.5

# %% [markdown]
# To the right of the dashed line, all currents look the same to the count. To the left of 0.5 the membrane tends to
# $2I$ and never exceeds the threshold.

# %% [markdown]
# ### The membranes behind the spikes
#
# The empty rows of the output raster look all the same. Their membranes do not.

# %%
threshold = net[-1].threshold.item()
assert torch.equal(spk_rec, (mem_rec > threshold).float())  # a spike is a membrane above threshold

# %%
fig = plt.figure(figsize=(9, 4.4), layout="constrained")
titles = [f"class {i}" for i in range(10)]
splt.traces(
    mem_rec[:, idx], spk_rec[:, idx], dim=(2, 5), titles=titles, threshold=threshold, fig=fig
)
splt.show(
    "The winner stays above threshold, its rival goes up and down across it, the others stay below."
)

# %%
silent = totals[idx] == 0
peaks, means = mem_rec[:, idx].amax(0), mem_rec[:, idx].mean(0)
for i in sorted(silent.nonzero().squeeze(1).tolist(), key=lambda i: -peaks[i]):
    print(f"class {i}: highest {peaks[i]:6.2f}, mean {means[i]:6.2f}")
assert (peaks[silent] <= threshold).all()
assert means[silent].max() - means[silent].min() > 2  # silent, but to very different degrees

# %% [markdown]
# The strokes at the top of each panel are the spikes. A spike and a membrane above the dashed threshold are
# the same thing: the membrane is recorded before the reset, which takes off one threshold at the next step.
#
# The silent neurons differ. Some are pushed far below zero, and nothing in this model holds them: a leaky
# integrate-and-fire neuron has no lowest potential. The one to watch is the highest of the list. If it comes close to
# the threshold, a little more current gives its class a voice; if it stays as far off as most, nobody else was near.
#
# > **Take-away.** The raster tells you who fired. The membranes tell you who nearly did.

# %% [markdown]
# ## The spike counter
#
# A raster row is long to count. `spike_count` does it for you: one bar per class, and the axis ends at the
# number of steps, the most that a neuron can fire.

# %%
splt.spike_count(spk_rec[:, idx])
splt.show("The longest bar is the right class; one rival has about half of it.")

# %% [markdown]
# The dark bar with the bold number is the answer. You see who won. You do not see *when*. Let the bars
# grow: press Play, or draw the slider along.
#
# We make it a little hard on purpose. The figure has two axes and the counter shall use the first. The
# record asks for a gradient, as a record from training does.

# %%
settings = dict(plt.rcParams)
graded = spk_rec[:, idx].clone().requires_grad_()

fig, (bars, picture) = plt.subplots(
    1, 2, figsize=(8, 3.6), width_ratios=[3, 1], layout="constrained"
)
picture.imshow(images[idx, 0], cmap="gray", vmin=0, vmax=1)
picture.set_axis_off()
anim = splt.spike_count(graded, fig, bars, animate=True)
player = splt.to_html(anim, dpi=80, alt="The spike counts of ten classes grow over 50 steps.")
player

# %% [markdown]
# The dashed line is the time that has passed. A bar that reaches it has fired at every step so far.
#
# > **Warning.** If you use the counter of snnTorch 1.0.0, as tutorial 6 does, know its traps. The animation
# > never shows the last step. It draws on the figure's *last* axes, not on the ones you pass. It changes
# > matplotlib's global settings. It fails on a record that requires a gradient. As a video it needs ffmpeg,
# > and as a page for the browser one animation of this kind weighs 5.65 MB.
#
# This one does none of that, and a claim like this one wants proof:

# %%
widths = torch.tensor([bar.get_width() for bar in bars.patches])  # the bars of the last frame
assert torch.equal(widths, totals[idx])
assert len(picture.patches) == 0 and len(picture.lines) == 0  # nothing on the other axes
assert dict(plt.rcParams) == settings
size = len(player.data) / 1e6
print(f"{size:.2f} MB for {num_steps} frames")
assert size < 1.0

# %% [markdown]
# > **Take-away.** An animation makes claims, as any figure does. Check that its last frame shows the total.

# %% [markdown]
# ## Where the spikes are: feature maps
#
# Flattened neurons have lost their place in the image. Put them back: for each of the 12 maps of layer 1,
# count the spikes at each position.

# %%
splt.feature_maps(record[0])
splt.show("Maps of layer 1: some show parts of the digit's outline, others are dark throughout.")

# %% [markdown]
# Each map shows where its filter found what it looks for: an edge from one side, a stroke, a bright area.
# Others are dark. Dark for this image, or for every image? Ask 100 of them.

# %%
many = record_spikes(net, num_steps, images[:100].to(device)).values()
for name, spikes in zip(("layer 1", "layer 2"), many, strict=False):
    used = spikes.sum(dim=(0, 1, 3, 4)) > 0  # over time, images, rows and columns
    print(f"{name}: {int((~used).sum())} of {len(used)} maps never fire")
    assert used.any()

# %% [markdown]
# A map that never fires passes nothing on. The network has found its answers without it. No accuracy tells
# you that part of a network lies idle; its maps do.
#
# Layer 2 has 64 maps of 4 by 4 neurons. What does an untrained eye see in them?

# %%
splt.feature_maps(record[1], columns=16)
splt.show(
    "Maps of layer 2: a few neurons fire at most steps, many never; the digit cannot be recognized."
)

# %% [markdown]
# Hardly anything. The digit's shape is gone. A bright spot says "this combination, roughly here", and the
# last layer adds up such spots into ten classes.
#
# ### One map over time
#
# The counts hide the order. Take the busiest map of layer 1.
#
# > **Predict.** In the first frame, only the neurons with a current above the threshold can fire. Which
# > neurons join later, and does the picture come to rest?

# %%
busiest = record[0].sum(dim=(0, 2, 3)).argmax().item()
frames = record[0][:, busiest]  # [T, 12, 12]
player = splt.to_html(
    splt.animator(frames, interval=200), dpi=60, alt=f"Spikes of map {busiest} at each step."
)
player

# %%
fig, axes = plt.subplots(1, 8, figsize=(9, 1.7), layout="constrained")
for step, ax in enumerate(axes):
    ax.imshow(frames[step], cmap=splt.style.CMAP, vmin=0, vmax=1)
    ax.set_title(f"step {step}: {frames[step].sum():.0f}", fontsize=10)
    ax.set_axis_off()
splt.show("The busiest map of layer 1 step by step: the set of firing neurons changes each time.")

# %%
changes = (frames[1:] != frames[:-1]).flatten(1).any(1)
print(f"{changes.float().mean():.0%} of the frames differ from the one before")
assert changes.float().mean() > 0.5
assert frames[0].any()  # there are spikes at the very first step

# %% [markdown]
# <details><summary>Answer</summary>
#
# The strongest currents come first, as you saw in the table of first spikes; the weaker ones, often at a rim, join a
# step or more later. The picture does not come to rest. Each neuron keeps its own regular interval, and neurons of unlike intervals fall in and out of step.
# The flicker means nothing: the image behind it stands still. It is this flicker that layer 2 has for an
# input.
#
# </details>
#
# > **Take-away.** Counts per position show *what* a layer responds to. Frames over time show *how*: here, a
# > still image turned into a steady flicker, with the strongest currents first.

# %% [markdown]
# ## When does the decision fall?
#
# The network is run for 50 steps.
#
# > **Predict.** Stop the run after step $t$, and take the class that leads by then. After how many steps is
# > the accuracy about as high as at the end: 40, 20, 10, 5?
#
# First a definition. Let $N_i[t]$ be the number of spikes of class $i$ up to step $t$: the cumulated sum.
# The winner $w$ is ahead at $t$ if
#
# $$N_w[t] > \max_{i \neq w} N_i[t]$$
#
# and the decision falls at the first step from which it is ahead *until the end*. Count steps from 1 here:
# "after step 1" means that one step has run.

# %%
decided = predictions >= 0
counts = spk_rec[:, decided].cumsum(dim=0)  # N, [T, M, 10]
winner = predictions[decided].expand(num_steps, -1).unsqueeze(-1)  # w, [T, M, 1]
rivals = counts.scatter(2, winner, -1).amax(dim=-1)  # the winner's own count is struck out
ahead = counts.gather(2, winner).squeeze(-1) > rivals  # [T, M]

# %% [markdown]
# `scatter` overwrites the winner's own count with -1, so that `amax` finds the best of the others. The
# decision falls one step after the last step at which the winner was *not* ahead.

# %%
steps = torch.arange(1, num_steps + 1).unsqueeze(1)
decision = (steps * ~ahead).amax(dim=0) + 1  # [M], from 1 to 50
assert ahead[-1].all() and decision.min() >= 1 and decision.max() <= num_steps

was_right = right[decided]
for name, chosen in {"right": was_right, "wrong": ~was_right}.items():
    d = decision[chosen].float()
    soon = (d <= 5).float().mean()
    print(f"{name}: median step {d.median():.0f}, mean {d.mean():.1f}, by step 5: {soon:.0%}")

# %%
fig, axes = plt.subplots(2, 1, figsize=(8, 4.4), sharex=True, layout="constrained")
groups = {"right answers": was_right, "wrong answers": ~was_right}
for ax, (name, chosen), color in zip(axes, groups.items(), ("BLUE", "VERMILION"), strict=True):
    share = 100 * torch.bincount(decision[chosen], minlength=num_steps + 1) / chosen.sum()
    ax.bar(range(num_steps + 1), share, color=getattr(splt.style, color))
    ax.set_title(f"{chosen.sum()} {name}", loc="left")
    splt.style.dress(ax, ylabel="Share (%)")
axes[1].set(xlabel="Step from which the winner stays ahead", xlim=(0, num_steps + 1))
splt.show("When the decision falls: right answers early, wrong ones with a longer tail.")

# %%
step_right, step_wrong = decision[was_right].float(), decision[~was_right].float()
assert step_right.median() <= 5 and (step_right <= 10).float().mean() > 0.8
assert step_wrong.mean() > step_right.mean() and (step_wrong <= 5).float().mean() > 0.3

# %% [markdown]
# Most right answers stand after a handful of steps. Wrong answers take longer on average, but many of them
# fall just as early: the network is not always hesitant when it errs.
#
# Now cut the run off at each step, for all images. An image counts only if the lead is unique and the class
# is right. (`accuracy_rate` gives a tie to the lowest of the tied classes, and so comes out a little
# higher.)

# %%
cut = [SF.predict_rate(spk_rec[:t]) for t in range(1, num_steps + 1)]
accuracy = torch.stack([(p == targets).float().mean() for p in cut])
decision_rate = torch.stack([(p >= 0).float().mean() for p in cut])
for t in (1, 2, 3, 5, 10, 20, 50):
    print(f"after step {t:>2}: right {accuracy[t - 1]:.1%}, decided {decision_rate[t - 1]:.1%}")

# %%
fig, ax = plt.subplots(figsize=(7.5, 3.2), layout="constrained")
ax.plot(steps, 100 * decision_rate, **splt.style.curve(1) | {"marker": "none"}, label="decided")
ax.plot(steps, 100 * accuracy, **splt.style.curve(0) | {"markevery": 5}, label="decided and right")
ax.set(xlabel="Run cut off after step", ylabel="Share of images (%)", ylim=(None, 101))
ax.legend(loc="lower right")
splt.style.dress(ax)
splt.show(
    "Share of images decided, and decided rightly, by a cut-off run: both rise steeply, then are "
    "flat."
)

# %%
gain = accuracy[-1] - accuracy[9]
print(f"the last 40 steps add {gain:+.1%}, the first 10 gave {accuracy[9]:.1%}")
assert accuracy[9] > 0.9 * accuracy[-1]  # 10 steps are nearly as good as 50
assert accuracy[0] < accuracy[-1] - 0.02  # one step is not

# %% [markdown]
# <details><summary>Answer</summary>
#
# Five to ten. After ten steps more than nine tenths of the final accuracy are there, and mostly after five.
# One step is too few: with at most one spike per class, ties and silence are common.
#
# </details>

# %% [markdown]
# ### One late decision, step by step
#
# The library has your computation as `SF.decision_step`. Use it to find an image over which the network hesitates:
# right in the end, but settled late. `explorers.spike_player` puts all that you have seen on one time axis: the maps of
# both layers at one step; raster, membranes and counts of the output up to it. The dotted line marks the decision. (The
# axis counts from 0, so the line stands one step before the number printed here.)
#
# > **Predict.** Just before the line, another class is level with the winner. What will change in the maps of layers 1
# > and 2 at the line?
#
# Press Play, or move the slider, also with the arrow keys.

# %%
settled = SF.decision_step(spk_rec)  # [N], -1 where there is no decision
assert torch.equal(settled[decided], decision)
late = candidates[(settled[candidates] - 20).abs().argmin()].item()
print(f"image {late}: settled with step {settled[late]} of {num_steps}, margin {margin[late]:.0f}")
player = explorers.spike_player(net, images[late : late + 1], num_steps, target=targets[late])
player

# %%
journey = player.compute(step=num_steps - 1).journey  # the whole run
at = journey.decision
for layer in journey.layers:
    spikes = layer.spikes.reshape(num_steps, -1).sum(axis=1)
    before, after = spikes[at - 8 : at].mean(), spikes[at : at + 8].mean()
    print(f"{layer.title}: {before:.0f} spikes per step before the line, {after:.0f} after it")
    assert abs(after / before - 1) < 0.2

# %%
assert at == settled[late] - 1 and 8 <= at <= num_steps - 8
before, now = player.compute(step=at - 1), player.compute(step=at)
assert before.leader != now.leader == journey.answer == targets[late]
rivals = before.counts[-1] == before.counts[-1].max()
rivals[journey.answer] = False
assert rivals.any() and (journey.membranes[at][rivals] <= threshold).all()

# %% [markdown]
# <details><summary>Answer</summary>
#
# Nothing. Both layers flicker on, with as many spikes after the line as before. At the line the winner fires and its
# rival does not: look at the rival's membrane, which stays below the threshold at that step. One spike makes the
# difference, and no later one takes it back. That a step was the decision, only hindsight tells.
#
# </details>
#
# > **Take-away.** A decision is no event inside the network. It is what a count makes of many small ones.

# %% [markdown]
# ### Why so early?
#
# Two reasons. First, the whole image is there at step 1, and in this library a spike passes through all
# layers within the same step. The output can answer at once. Nothing new ever arrives later.
#
# Second, the loss asks for it. Take a perfect record, and silence its first ten steps.

# %%
labels = torch.arange(10)
perfect = torch.eye(10).repeat(num_steps, 1, 1)  # each target neuron fires at every step
late = perfect.clone()
late[:10] = 0
rate, total = SF.ce_rate_loss(), SF.ce_count_loss()
print(f"per step:  {rate(perfect, labels):.4f} at once, {rate(late, labels):.4f} ten steps late")
print(f"per count: {total(perfect, labels):.4f} at once, {total(late, labels):.4f} ten steps late")

# %%
fee = 10 / num_steps * (math.log(10) - math.log(1 + 9 / math.e))
assert math.isclose(rate(late, labels) - rate(perfect, labels), fee, rel_tol=1e-4)
assert abs(total(late, labels) - total(perfect, labels)) < 1e-6

# %% [markdown]
# A loss per step charges for every step without the answer: the difference between $\ln 10$ and the floor,
# divided by $T$. A loss on the count does not care when the spikes come.
#
# What follows, and what does not?
#
# - On *still images, as a constant current*, this network has little use for most of its 50 steps. Ten give
#   nearly the same accuracy, at a fifth of the work.
# - It was *trained* with 50. Whether a network learns as well with ten, no record of this one can say. You
#   have to train another. You can try it below.
# - "Stays ahead until the end" is known only in hindsight. To stop early, a rule needs something that it
#   can see at the time, such as the lead so far. That is the next exercise.
# - Data that unfold in time, such as sounds or the events of a moving sensor, are another matter. There the
#   later steps bring what the early ones cannot know.
#
# > **Take-away.** Before you pay for many time steps, cut the record off and look. The curve costs nothing
# > but a `cumsum`.
#
# > **Exercise 2: stop early.** Stop an image as soon as one class leads by `lead` spikes, and after the last step
# > otherwise. Return the answers, `[B]`, and the numbers of steps that were run, `[B]`, from 1 to T. The answer is the
# > class that is ahead at the stop, and -1 if several are level there.


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
    print(f"lead {lead}: {stops.float().mean():4.1f} steps on average, {hits:.1%} right")
    if lead == 3:
        assert stops.float().mean() < num_steps / 2 and hits > right.float().mean() - 0.03
print(f"all steps: {num_steps}, {right.float().mean():.1%} right")

# %% [markdown]
# A lead of two or three gives about the full accuracy in a fraction of the steps. Most images stop soon; the few
# hard ones run on. Which lead to take is a choice for the validation set.
#
# Count is not the only code. An impatient reader takes the neuron that fires first.
#
# > **Exercise 3: the first spike.** Write a decoder that returns, for each image, the class of the neuron that fires
# > first. Return -1 where none fires, or where several are first at the same step.


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
    said, hit = (answers >= 0).float().mean(), (answers == targets).float().mean()
    print(f"{name:<11}: decided {said:.1%}, right {hit:.1%}")
assert (by_first == targets).float().mean() < right.float().mean()

# %% [markdown]
# The first spike is worse than the count. Nothing in `ce_rate_loss` asks the target to be the first; where two fire at
# once, this code has no answer. The library has losses that do ask: `ce_temporal_loss` and `mse_temporal_loss`.
#
# > **Try it.** Ten steps are enough to *answer*. Are they enough to *learn*? Train a second network with 10 steps.
# > Compare its accuracy with that of the first one, once after as many iterations, once after five times as many,
# > which is about the same work.
#
# <details><summary>Solution</summary>
#
# ```python
# training.seed_everything(0)
# short = networks.conv_net(beta=0.5, spike_grad=surrogate.fast_sigmoid(slope=25)).to(device)
# optimizer = torch.optim.Adam(short.parameters(), lr=1e-2)
# batches = torch.utils.data.DataLoader(test, batch_size=250)
# for _ in range(5):
#     training.train(short, loaders.train, optimizer, loss_fn, 10, num_iterations=iterations)
#     print(training.evaluate(short, batches, 10))
# ```
#
# When we tried it, the short one was clearly behind after as many iterations, and about level after the
# same work. So fewer steps make each iteration poorer and cheaper. Compare recipes at equal work, not at
# equal iterations.
#
# </details>

# %% [markdown]
# ## What a wrong answer looks like
#
# Which classes are confused with which? Rows are the true classes, columns the answers. The last column
# takes the undecided images, which an accuracy would hand to the lowest of the tied classes.

# %%
_, matrix = splt.confusion_matrix(targets, predictions)
splt.show("Most images lie on the diagonal of right answers; cells off it are errors.")

# %%
matrix = torch.as_tensor(matrix)
recall = matrix.diagonal() / matrix.sum(dim=1)  # of each true class, the share that is found
easy, hard = recall.argmax().item(), recall.argmin().item()
print(f"of the {easy}s {recall[easy]:.0%} are found, of the {hard}s {recall[hard]:.0%}")
mute = (totals.sum(dim=0) == 0).nonzero().flatten().tolist()
print("output neurons that fire for no image:", mute or "none")
errors = matrix - torch.eye(10, 11, dtype=torch.long) * matrix
assert errors[:, :10].sum() == wrong.sum() and errors[:, 10].sum() == undecided.sum()
assert recall[easy] - recall[hard] > 0.05

# %% [markdown]
# Blue on the diagonal is right. Orange is wrong or undecided, and it is not spread evenly: some classes are
# harder for this network than others. One number for all ten, the accuracy, cannot show that.
#
# An empty column is an alarm. It belongs to an output neuron that wins no image, perhaps because it never
# fires. After training as brief as this, one of the ten may not have woken yet. It costs about a tenth of
# the accuracy, and a look at the matrix finds it at once.
#
# Numbers next, faces now. Take two images: the wrong answer with the *largest* margin, and the image with
# the *smallest* margin of all.

# %%
mistakes = wrong.nonzero().squeeze(1)
confident = mistakes[margin[mistakes].argmax()].item()
closest = margin.argmin().item()


def verdict(i):
    return f"answer {predictions[i]}" if predictions[i] >= 0 else "no answer"


# %%
fig, axes = plt.subplots(2, 3, figsize=(9, 6), width_ratios=[1, 2, 2], layout="constrained")
for row, i in zip(axes, (confident, closest), strict=True):
    row[0].imshow(images[i, 0], cmap="gray", vmin=0, vmax=1)
    row[0].set_title(f"a {targets[i]}, {verdict(i)}")
    row[0].set_axis_off()
    splt.raster(spk_rec[:, i], row[1])
    row[1].set(ylabel="Class", yticks=range(10))
    splt.spike_count(spk_rec[:, i], ax=row[2])
splt.show("Top, a confident mistake; bottom, the closest call: the digit, its raster, its counts.")

# %%
print(f"margins: {margin[confident]:.0f} and {margin[closest]:.0f}")
assert margin[confident] >= 15 and margin[closest] <= 3
assert not undecided.any() or undecided[closest]

# %% [markdown]
# Above, the mistake looks like many a right answer: one row stands out, one bar is longest. The spikes do
# not give it away. Below, two classes are level or nearly so, or all ten are silent. Here the network says
# that it does not know, if you listen to the margin and not only to the winner.
#
# There are three ways to be undecided: no class fires, the leaders are level, or they are level because they fire at
# *every* step.

# %%
silence = undecided & (first == 0)
full = undecided & (first == num_steps)
tie = undecided & ~silence & ~full
print(f"{silence.sum()} silent, {tie.sum()} level, {full.sum()} level at {num_steps} spikes")
assert silence.sum() + tie.sum() + full.sum() == undecided.sum()

# %% [markdown]
# Two neurons that both fire at every step are stuck. More of the same cannot part them, as a count cannot
# rise by more than one per step. That is the price of a loss that drives the winner to its limit.
#
# A tie of spikes need not be a tie of membranes.
#
# > **Exercise 4: let the membrane decide.** Where one class has more spikes than any other, it is the answer. Elsewhere
# > take, of *all* classes, the one whose membrane is highest on average over the steps. (Not of the level ones only: the
# > spikes have not decided, so they are not asked again.)


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
answers = choose(spk_rec, mem_rec)
saved = int((answers == targets)[undecided].sum())
print(f"{saved} of {undecided.sum()} undecided images are right now")
assert torch.equal(answers[~undecided].long(), predictions[~undecided])

# %% [markdown]
# A membrane is a number, a spike only a bit. Two losses of the library look at membranes for that reason:
# `ce_max_membrane_loss` and `mse_membrane_loss`.
#
# So how much is a margin worth?
#
# > **Predict.** Draw the margins of all right answers, and of all wrong ones. Do the two histograms
# > overlap?

# %%
fig, axes = plt.subplots(2, 1, figsize=(8, 4.4), sharex=True, layout="constrained")
groups = {"right answers": right, "wrong answers": wrong}
for ax, (name, chosen), color in zip(axes, groups.items(), ("BLUE", "VERMILION"), strict=True):
    weights = torch.full((int(chosen.sum()),), 100 / chosen.sum())
    bins, color = range(0, num_steps + 1, 5), getattr(splt.style, color)
    ax.hist(margin[chosen], bins, weights=weights, color=color, edgecolor="white")
    ax.set_title(f"{chosen.sum()} {name}", loc="left")
    splt.style.dress(ax, ylabel="Share (%)")
axes[1].set_xlabel("Margin between the first and the second class (spikes)")
splt.show("Right answers pile up at large margins; wrong ones lie mostly at small ones.")

# %%
print(f"median margin: right {margin[right].median():.0f}, wrong {margin[wrong].median():.0f}")
assert margin[right].median() > margin[wrong].median() + 5
assert margin[wrong].max() > margin[right].quantile(0.1)  # they overlap

# %% [markdown]
# <details><summary>Answer</summary>
#
# They differ clearly, and they overlap. A small margin is a warning. A large one is no guarantee: some
# wrong answers have a larger margin than a good part of the right ones.
#
# </details>
#
# That is enough to be useful. Let the network refuse an answer when the margin is below some $m$, and hand
# these images to someone else.

# %%
kept, hits = {}, {}
for m in (1, 5, 10, 20, 40):
    sure = margin >= m
    kept[m], hits[m] = sure.float().mean(), right[sure].float().mean()
    print(f"margin >= {m:>2}: answers {kept[m]:6.1%} of the images, {hits[m]:.1%} of these rightly")
assert kept[1] > kept[20] and hits[20] > hits[1]

# %% [markdown]
# Each row trades answers for reliability. To use such a rule, choose $m$ on the validation set and report
# on the test set: $m$ is a setting like any other.
#
# > **Take-away.** A spiking classifier has three answers: right, wrong and none. The margin tells the
# > second from the first often, but not always.

# %% [markdown]
# ## Spot the silent network
#
# Last, a diagnosis. Here are three networks, A, B and C, of the same architecture, and all of them see the
# image from above. One is the trained network. One is untrained. One is the trained network with a fault in
# one layer.
#
# We draw 100 neurons of each hidden layer, the same ones for all three networks, and the ten outputs. Dice decide who
# is called A, B and C.

# %%
utils.reset(net)
training.seed_everything(1)
untrained = networks.conv_net(beta=0.5, spike_grad=surrogate.fast_sigmoid(slope=25)).to(device)
ward = [net, untrained, material.with_a_fault(net)]
dice = torch.randperm(3, generator=torch.Generator().manual_seed(0)).tolist()

patients = {letter: ward[number] for letter, number in zip("ABC", dice, strict=True)}
charts = {
    name: [s[:, 0].flatten(1).cpu() for s in record_spikes(patient, num_steps, image).values()]
    for name, patient in patients.items()
}

# %% [markdown]
# > **Predict.** Look at the rasters, and answer: which networks are silent at the output? In which layer does the
# > silence of each begin? Which one is untrained?

# %%
generator = torch.Generator().manual_seed(0)
chosen = [torch.randperm(size, generator=generator)[:100] for size in (1728, 1024, 10)]
fig, axes = plt.subplots(3, 3, figsize=(9, 6.4), sharex=True, layout="constrained")
for column, (name, chart) in enumerate(charts.items()):
    for layer, ax in enumerate(axes[::-1, column]):
        splt.raster(chart[layer][:, chosen[layer].sort().values], ax)
        ax.set(xlabel="Time step" if layer == 0 else "", ylabel="")
    axes[0, column].set_title(f"Network {name}")
for ax, name in zip(axes[:, 0], ("Output", "Layer 2", "Layer 1"), strict=True):
    ax.set_ylabel(f"{name} (neuron)")
splt.show(
    "Networks A, B and C side by side; of each the output on top, layer 2, layer 1 at the bottom."
)

# %%
for name, chart in charts.items():
    numbers = ", ".join(f"{int(spikes.sum()):>6,}" for spikes in chart)
    print(f"{name}: {numbers} spikes in layer 1, layer 2 and the output")

sums = {name: [int(spikes.sum()) for spikes in chart] for name, chart in charts.items()}
assert min(sums["B"]) > 0
assert sums["A"][:2] == sums["B"][:2] and sums["A"][2] == 0
assert sums["C"][0] > 0 and sums["C"][1] < 10 and sums["C"][2] == 0

# %% [markdown]
# <details><summary>Answer</summary>
#
# B is the trained network: it alone has an output. A and C score exactly the same, the share of class 0,
# and yet they suffer from different things.
#
# In C the silence begins in layer 2. Layer 1 fires, but its spikes do not lift layer 2 over the threshold.
# It is untrained, as the silent network of [notebook 02](02_convolutional_snn.ipynb) was.
#
# In A both hidden layers fire exactly as in B. Only the output is silent: here its threshold was set to
# 100. So look at the last layer, and leave the others alone.
#
# </details>
#
# > **Take-away.** When a network does not learn, draw the raster of every layer, from the input upwards.
# > The first empty one is where to look. Silence further up is only its consequence.

# %% [markdown]
# ## Which loss was it?
#
# One more diagnosis. Three small networks, A, B and C, started from the same weights and saw the same printed digits
# (a font's, in place of handwriting).
# Each was trained with another loss:
#
# - `ce_rate_loss` takes the spikes of each step as scores;
# - `ce_max_membrane_loss` takes the highest *membrane* of each neuron as its score, and looks at no spike;
# - `mse_count_loss` wants a count of each neuron: 80 % of the steps from the target, 20 % from the others.
#
# Here is what their ten outputs say to two images.

# %%
records, labels = material.mystery_records()
fig, axes = plt.subplots(2, 3, figsize=(9, 5), sharex=True, layout="constrained")
for row, i in zip(axes, (3, 12), strict=True):
    for ax, (name, outputs) in zip(row, records.items(), strict=True):
        splt.raster(outputs[:, i], ax)
        ax.set(title=f"Network {name}, a {labels[i]}", yticks=range(10), ylabel="Class")
splt.show("Networks A, B and C side by side: their outputs for two images.")

# %% [markdown]
# > **Exercise 5: name the losses.** Which network was trained with which loss? `records` holds 20 images if two are
# > too few.

# %% tags=["exercise"]
# Yours to edit: "ce_rate_loss", "ce_max_membrane_loss" or "mse_count_loss" for each.
my_diagnosis = {"A": ..., "B": ..., "C": ...}

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
# In A the target's row has gaps and many others have marks: rates made to order. In B one row is full and the rest
# empty: each wrong spike costs. In C wrong neurons fire as well, some at every other step: the highest membrane must
# belong to the target, and nobody has asked the others to be silent.
#
# ```python
# solved_diagnosis = {"A": "mse_count_loss", "B": "ce_rate_loss", "C": "ce_max_membrane_loss"}
# ```
#
# </details>

# %% [markdown]
# ## Draw a digit
#
# All images so far came from a file. Now draw one yourself, with mouse, finger or keys. The network of this notebook
# answers with its spikes. Where no kernel runs, as in the online book, choose from some drawings instead.
#
# The network knows only images that were all prepared in one way: scaled to one size, and centered. So your drawing is
# prepared like them before the network sees it. Compare the two pictures.
#
# > **Predict.** A class, a tie or silence: what will the network answer to something between a 4 and a 9, to a cross,
# > and to an empty canvas?

# %%
drawing = explorers.draw_digit(net, num_steps, source=digits.source)
drawing

# %%
for name in ("between 4 and 9", "a cross, no digit", "nothing"):
    print(f"{name}: {drawing.compute(drawn=name).sentence}")

names = [f"an {i}" if i == 8 else f"a {i}" for i in range(10)]
read = [drawing.compute(drawn=name).journey.answer for name in names]
hits = sum(answer == i for i, answer in enumerate(read))
print(f"{hits} of ten digits drawn by a program are read rightly")

# %%
assert hits >= (8 if digits.source == "mnist" else 5)
assert drawing.compute(drawn="a cross, no digit").counts.any()

# %% [markdown]
# <details><summary>Answer</summary>
#
# The cross makes output neurons fire as a digit does, and it may well win a class by far. The network has ten neurons
# for ten digits, and none for "this is no digit": it has never seen one. When we tried it on MNIST, the drawing between
# 4 and 9 made both neurons fire at most steps; in one training of two at all 50, a tie.
#
# An empty canvas is no current but that of the biases. If these are too small to drive the output, there is silence,
# the only honest answer; but no loss has asked for it.
#
# </details>
#
# > **Try it.** Draw a digit that you find clear and the network does not read. Then mend it stroke by stroke: at which
# > one does the answer change?

# %% [markdown]
# ## Summary
#
# - A raster shows who fired, the membranes show who nearly did, the counts show who won, and the maps show
#   where.
# - Layer 1 turns a constant current into regular spikes: the stronger, the sooner and the more often. Layer
#   2 receives flicker.
# - The decision falls within the first few steps. On still images, the steps after the tenth add little.
# - Wrong answers have smaller margins on the whole, but a wrong answer can be as loud as a right one.
# - A silent output has its cause in the lowest silent layer.
#
# **What comes next.** [Fast simulation, same results](05_fast_simulation.ipynb): why 50 steps cost what they
# cost, how to run them faster without changing a spike, and how many it takes. Other good places to go on from: the
# encodings of [notebook 00](00_spiking_neuron.ipynb), used as the network's input; the surrogates of
# [notebook 01](01_surrogate_gradients.ipynb), exchanged in this one; and data that unfold in time.
#
# **Further reading.** [Thorpe, Delorme & Van Rullen 2001](https://doi.org/10.1016/S0893-6080(01)00083-1) on
# decisions by the first spikes; [Chowdhury, Rathi & Roy 2021](https://doi.org/10.48550/arXiv.2110.05929) on
# networks that need a single time step; [Chow 1970](https://doi.org/10.1109/TIT.1970.1054406) on refusing
# an answer; [Eshraghian et al. 2023](https://doi.org/10.1109/JPROC.2023.3308088) for the whole field.
