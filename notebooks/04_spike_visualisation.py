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
# - follow one image through a trained network: rasters, membranes, an animated spike counter, feature maps;
# - find the step at which the decision falls, and what the steps after it are worth;
# - look at wrong answers, and tell a narrow one from a confident one and from none at all;
# - diagnose a silent network from its rasters alone.
#
# **You need** [notebook 02](02_convolutional_snn.ipynb) for the network and `record_spikes`, and
# [notebook 03](03_training.ipynb) for the loss and the training.
#
# **Time**: about an hour to read and try; one (embedded digits) to two minutes (MNIST) to run, most of it
# for training.

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
from tutorial_lib import data, networks, surrogate, training, utils
from tutorial_lib import functional as SF
from tutorial_lib import plotting as splt
from tutorial_lib.plotting import style
from tutorial_lib.simulation import forward_pass, record_spikes

device = torch.device("cuda" if torch.cuda.is_available() else "cpu")

# %% [markdown]
# ## A network to look at
#
# The network is that of [tutorial 6](https://snntorch.readthedocs.io/en/latest/tutorials/tutorial_6.html) of snnTorch,
# where this course began: two convolutional layers and a linear one, each followed by leaky neurons. Train it as in
# [notebook 03](03_training.ipynb), but only briefly. A network that still makes mistakes has more to show.

# %%
def fresh_net():
    spike_grad = surrogate.fast_sigmoid(slope=25)
    return networks.conv_net(beta=0.5, spike_grad=spike_grad).to(device)


digits = data.load()
loaders = data.loaders(digits, batch_size=128)
num_steps, loss_fn = 50, SF.ce_rate_loss()
iterations = 100 if digits.source == "mnist" else 40

# %%
training.seed_everything(0)
net = fresh_net()
optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
history = training.train(
    net, loaders.train, optimizer, loss_fn, num_steps,
    num_iterations=iterations,
)  # fmt: skip

# %% [markdown]
# Run it over test images, at most 1,000, and keep all that the output layer does. Both records have the shape
# `[T, N, 10]`: step, image, class. Steps are counted from 0.

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
# The class with the most spikes is the answer. `SF.predict_rate` returns it, or -1 where there is none: silence, or a
# tie. The **margin** is the count of the first class minus the count of the second.

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
# > **Note.** In this notebook, *right* means decided and right. `SF.accuracy_rate` is more generous: it gives a tie to
# > the lowest of the tied classes, and silence to class 0.
#
# ## One image's way through the network
#
# Take an image that the network gets right, but not easily: with a margin near 25, half of what is possible.

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
# > **Predict.** There are ten output neurons and 50 steps. `ce_rate_loss` takes the spikes of *each* step as scores: it
# > wants the target to fire there, and no other class. You know the margin. How many rows will have marks? How many
# > marks has the fullest?

# %% tags=["hide-input"] jupyter={"source_hidden": true} cellView="form"
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
# Few rows have marks. The fullest is that of the right class, and it fires at most steps, if not at all: more than the
# margin, since a rival fires too.
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
assert first[idx] >= 25 and 2 <= (totals[idx] > 0).sum() <= 6

# %%
layers = record_spikes(net, num_steps, image).values()
record = [spikes[:, 0].cpu() for spikes in layers]
layer1, layer2 = record[0].flatten(1), record[1].flatten(1)
for name, spikes in {"layer 1": layer1, "layer 2": layer2}.items():
    share = (spikes.sum(0) > 0).float().mean()
    print(f"{name}: {share:.0%} of {spikes.shape[1]:,} neurons ever fire")

# %% [markdown]
# We draw 40 of those that fire, sorted by their count.
#
# > **Predict.** The image is the same at all 50 steps. Will the spikes of one neuron come at regular intervals? In
# > layer 1? In layer 2?

# %% tags=["hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Code of the figure
def sample(spikes, size=40):
    firing = spikes[:, spikes.sum(0) > 0]
    some = torch.randperm(firing.shape[1], generator=torch.Generator().manual_seed(0))[:size]
    return firing[:, some[firing[:, some].sum(0).argsort()]]


fig, axes = plt.subplots(2, 1, figsize=(8, 6), sharex=True, layout="constrained")
for ax, name, spikes in zip(axes, ("Layer 1", "Layer 2"), (layer1, layer2), strict=True):
    splt.raster(sample(spikes), ax, s=10)
    ax.set_title(name, loc="left")
    ax.set_ylabel("Neuron, sorted by count")
axes[0].set_xlabel("")
figures.show("Rasters of 40 neurons of layer 1 and 40 of layer 2, sorted by count.")

# %% [markdown]
# Don't trust the eye alone. Compare the longest with the shortest interval of each neuron.

# %%
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
# In layer 1, yes, to a step: its input is a constant current, and [notebook 00](00_spiking_neuron.ipynb) showed what
# that does. (The one step comes from counting time in whole steps.) Layer 2 receives *spikes*, which come and go, so
# many of its neurons fire unevenly.
#
# </details>
#
# In the raster of layer 1, the busy rows begin at once, the quiet ones late. Is that so for every neuron? Sort them by
# the step of their first spike.

# %% tags=["claims", "hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Checked here
assert layer1.shape == (50, 1728) and layer2.shape == (50, 1024)
assert uneven(layer1) == 0 and uneven(layer2) > 0.1

# %%
active = layer1[:, layer1.sum(0) > 0]
start, count = active.argmax(0), active.sum(0)
for step in start.unique():
    group = count[start == step]
    span = f"{group.min():.0f} to {group.max():.0f} spikes"
    print(f"first spike at step {step:>2}: {len(group):>3} neurons, {span}")

# %% [markdown]
# It is. A strong current reaches the threshold sooner, and reaches it again sooner. So layer 1 carries the strength of
# a current twice, in the count and in the time of the first spike: a rate code and a latency code in the same spikes.
#
# > **Take-away.** In layer 1 all timing comes from the strength of a constant current. From layer 2 on, the spikes also
# > depend on each other.
#
# The count has an upper end: a neuron that fires at every step cannot fire more often.
#
# > **Exercise 1: the upper end.** A neuron of layer 1 has $\beta = 0.5$, threshold 1 and reset by subtraction. From
# > which constant current on does it fire at *every* step, however long the run?

# %% tags=["claims", "hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Checked here
def no_late_starter_fires_more_often():
    previous = num_steps
    for step in start.unique():
        assert count[start == step].max() <= previous
        previous = count[start == step].min()


no_late_starter_fires_more_often()

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
style.dress(ax, "Current (thresholds per step)", "Spikes in 50 steps")
figures.show("The count of each neuron of layer 1 against its current; a dashed line at the limit.")

# %% [markdown]
# Right of the dashed line, the count cannot tell one current from another. Up to 0.5, the rheobase of notebook 00, it
# is zero: the membrane tends to $2I$ and never exceeds the threshold.
#
# ### The membranes behind the spikes
#
# The empty rows of the output raster all look the same. Do their membranes?

# %% tags=["claims", "hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Checked here
clear = (current - 1.5).abs() > 0.002  # away from the very limit
assert torch.equal((layer1.sum(0) == num_steps)[clear], (current > 1.5)[clear])
assert current[layer1.sum(0) > 0].min() > 0.5

# %%
threshold = net[-1].threshold.item()
titles = [f"class {i}" for i in range(10)]
splt.traces(
    mem_rec[:, idx], spk_rec[:, idx], (2, 5), titles=titles,
    threshold=threshold, fig=plt.figure(figsize=(9, 4.4), layout="constrained"),
)  # fmt: skip
figures.show("Membrane and spikes of each of the ten output neurons.")

# %%
peaks, means = mem_rec[:, idx].amax(0), mem_rec[:, idx].mean(0)
for i in peaks.argsort(descending=True).tolist():
    if totals[idx, i] == 0:
        print(f"class {i}: highest {peaks[i]:6.2f}, mean {means[i]:6.2f}")

# %% [markdown]
# The strokes at the top of a panel are the spikes: the steps at which the membrane is above the dashed threshold. (It is
# recorded before the reset, which takes one threshold off at the next step.)
#
# The printed classes are silent, but not alike. Some are pushed far below zero: this neuron model has no lowest
# potential. The first of the list came nearest to the threshold.
#
# > **Take-away.** The raster tells you who fired. The membranes tell you who nearly did.
#
# ### The spike counter
#
# Who wins, and when? `spike_count` draws one bar per class. The axis ends at the number of steps, the most that a neuron
# can fire. Press Play, or drag the slider.

# %% tags=["claims", "hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Checked here
def silent_but_not_alike():
    silent = totals[idx] == 0
    assert (peaks[silent] <= threshold).all()
    assert means[silent].max() - means[silent].min() > 2 and means[silent].min() < -2


assert torch.equal(spk_rec, (mem_rec > threshold).float())
silent_but_not_alike()

# %%
anim = splt.spike_count(spk_rec[:, idx], animate=True)
figures.to_html(anim, dpi=80, alt="The spike counts of ten classes over time.")

# %% [markdown]
# The dashed line is the time that has passed: a bar that reaches it has fired at every step. The dark bar is the answer.
#
# ## Where the spikes are: feature maps
#
# Flattened neurons have lost their place in the image. Put them back: count the spikes at each position.

# %%
splt.feature_maps(record[0])
figures.show("The 12 maps of layer 1: spikes at each position.")

# %% [markdown]
# Each map shows where its filter found what it looks for: an edge from one side, a stroke, a bright area. Others are
# dark. For this image, or for every image? Ask 100 of them.

# %%
many = record_spikes(net, num_steps, images[:100].to(device)).values()
for name, spikes in zip(("layer 1", "layer 2"), many):
    used = spikes.sum(dim=(0, 1, 3, 4)) > 0  # over time, images, rows, columns
    print(f"{name}: {int((~used).sum())} of {len(used)} maps never fire")

# %% [markdown]
# A map that never fires passes nothing on. No accuracy tells you that part of a network lies idle; its maps do.
#
# Layer 2 has 64 maps of 4 by 4 neurons. What do you see in them?

# %%
splt.feature_maps(record[1], columns=16)
figures.show("The 64 maps of layer 2: spikes at each position.")

# %% [markdown]
# The digit's shape is gone. A bright spot says "this combination, roughly here", and the last layer adds up such spots
# into ten classes.
#
# ### One map over time
#
# The counts hide the order. Take the busiest map of layer 1.
#
# > **Predict.** At step 0 only the neurons with a current above the threshold fire. Each neuron keeps its own interval.
# > Will the picture come to rest after some steps?

# %%
busiest = record[0].sum(dim=(0, 2, 3)).argmax().item()
frames = record[0][:, busiest]  # [T, 12, 12]
anim = splt.animator(frames, interval=200)
figures.to_html(anim, dpi=60, alt=f"Spikes of map {busiest} at each step.")

# %% tags=["hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Code of the figure
fig, axes = plt.subplots(1, 8, figsize=(9, 1.7), layout="constrained")
for step, ax in enumerate(axes):
    ax.imshow(frames[step], cmap=style.CMAP, vmin=0, vmax=1)
    ax.set_title(f"step {step}: {frames[step].sum():.0f}", fontsize=10)
    ax.set_axis_off()
figures.show("The busiest map of layer 1 at its first steps, with the number of spikes.")

# %% [markdown]
# <details><summary>Answer</summary>
#
# No. Neurons of unlike intervals fall in and out of step, and most frames differ from the one before. The flicker means
# nothing, as the image stands still. But it is what layer 2 has for an input.
#
# </details>
#
# ## When does the decision fall?
#
# Stop the run after $n$ steps and take the class that leads. How many steps does an answer need?
#
# > **Predict.** The whole image is there at step 0, and in this library a spike passes through all layers within one
# > step. After how many of the 50 steps will 90 % of the final number of right answers be there: 1, 2, 5, 10 or 20?

# %% tags=["claims", "hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Checked here
assert torch.equal(frames[0].flatten() > 0, current.view(12, -1)[busiest] > threshold)
assert (frames[1:] != frames[:-1]).flatten(1).any(1).float().mean() > 0.5

# %%
cut = [SF.predict_rate(spk_rec[:n]) for n in range(1, num_steps + 1)]
cut_right = torch.stack([(p == targets).float().mean() for p in cut])
cut_decided = torch.stack([(p >= 0).float().mean() for p in cut])
for n in (1, 2, 5, 10, 20, 50):
    part = cut_right[n - 1] / cut_right[-1]
    print(f"after {n:>2} steps: {cut_right[n - 1]:.1%}, {part:.0%} of the end")

# %%
curves = {"decided": 100 * cut_decided, "decided and right": 100 * cut_right}
ax = figures.lines(curves, "Steps run", "Share of images (%)", x=range(1, 51))
ax.set_ylim(0, 103)
figures.show("Images decided, and decided rightly, against the steps run.")

# %% [markdown]
# <details><summary>Answer</summary>
#
# Two on MNIST, up to five on the embedded digits. After one step many images have a tie, as no class can have more than
# one spike. After ten the curve is nearly flat.
#
# </details>
#
# That was the whole set. For one image, let $N_i[t]$ be the count of class $i$ up to step $t$. The decision for the
# winner $w$ falls at the first step from which it is ahead *until the end*,
#
# $$N_w[t] > \max_{i \neq w} N_i[t].$$
#
# `SF.decision_step` returns how many steps that takes: 1 if the decision falls at step 0, and -1 where there is none.

# %% tags=["claims", "hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Checked here
assert cut_right[4] > 0.9 * cut_right[-1] and cut_right[0] < 0.9 * cut_right[-1]
assert cut_decided[0] < cut_decided[-1] - 0.02

# %%
needed = SF.decision_step(spk_rec)  # [N]
for name in ("right", "wrong"):
    n = needed[groups[name]].float()
    soon = (n <= 5).float().mean()
    print(f"{name}: median {n.median():.0f}, up to 5: {soon:.0%}")

# %%
steps_of = {"right answers": needed[right], "wrong answers": needed[wrong]}
figures.shares(steps_of, range(1, num_steps + 2), "Steps to the decision")
figures.show("How many steps the decisions need, for right and wrong answers.")

# %% [markdown]
# Most right answers stand after a handful of steps. Wrong ones take longer on average, but many fall just as early: a network
# that errs need not hesitate.
#
# ### One late decision, step by step
#
# Now look for an image whose decision falls late: right in the end, but with another class level for about 20 steps.

# %%
counts = spk_rec.cumsum(dim=0)  # [T, N, 10]
everyone = torch.arange(len(needed))
before = counts[needed - 2, everyone]  # just before the decision
rival = before.topk(2, dim=-1).values[:, 1]
level = (right & (rival == needed - 1)).nonzero().squeeze(1)
late = level[(needed[level] - 20).abs().argmin()].item()
at = int(needed[late]) - 1  # the step of the decision
print(f"image {late}, a {targets[late]}: the decision falls at step {at}")
print("counts just before:", before[late].int().tolist())

# %% [markdown]
# `explorers.spike_player` puts all that you have seen on one time axis: the maps of both layers at one step; raster,
# membranes and counts of the output up to it. A dotted line marks the decision.
#
# > **Predict.** Compare the two highest counts with the number of steps run. What must happen at the line, so that one
# > class gets ahead? And will you see anything special in the maps of layers 1 and 2?
#
# Press Play, or move the slider, also with the arrow keys.

# %%
image_late, target = images[late : late + 1], targets[late]
player = explorers.spike_player(net, image_late, num_steps, target=target)
player

# %%
run = player.compute(step=num_steps - 1).recording  # the whole run
for layer in run.layers:
    spikes = layer.spikes.reshape(num_steps, -1).sum(axis=1)
    mean, after = spikes[:at].mean(), spikes[at:].mean()
    print(f"{layer.title}: {mean:.0f} spikes a step before, {after:.0f} after")

# %% [markdown]
# <details><summary>Answer</summary>
#
# The two are level because both have fired at *every* step: this is saturation, not hesitation. Neither can do more. So
# one must miss a step, and at the line the rival does: its membrane stays below the threshold. The maps show nothing
# special. Both layers flicker on as before.
#
# </details>
#
# > **Take-away.** A decision is no event inside the network: it is what a count makes of many small ones. And level
# > counts may mean two loud classes.
#
# ### Why so early?
#
# First, the output can answer at step 0, and nothing new arrives later. Second, the loss asks for it. Take a perfect
# record, and silence its first step, or its first ten.

# %% tags=["claims", "hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Checked here
def the_rival_misses_a_step():
    assert at == player.compute(step=at).recording.decision
    two = before[late] == at  # a spike at each of the steps 0 to at - 1
    two[targets[late]] = False
    assert at >= 5 and two.sum() >= 1 and before[late, targets[late]] == at
    assert spk_rec[at, late, targets[late]] == 1
    assert (mem_rec[at, late][two] <= threshold).all()
    for part in run.layers:
        per_step = part.spikes.reshape(num_steps, -1).sum(axis=1)
        assert abs(per_step[at : at + 8].mean() / per_step[max(0, at - 8) : at].mean() - 1) < 0.25


the_rival_misses_a_step()
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
# `ce_rate_loss` charges the same for every step without the answer: the difference between $\ln 10$ and the floor,
# divided by $T$. `ce_count_loss` looks at totals only, and is near zero in all three cases.
#
# So on *still images*, most of the 50 steps add little: with ten the network is nearly as often right, at a fifth of the
# work. Data that unfold in time, such as sounds, are another matter: there the later steps bring news.
#
# > **Take-away.** Before you pay for many time steps, cut the record off and look. It costs nothing.
#
# "Ahead until the end" is known only in hindsight. To stop early, a rule needs what it can see at the time.
#
# > **Exercise 2: stop early.** Stop an image as soon as one class leads by `lead` spikes (over the next best, in the
# > counts so far), and after the last step otherwise. Return two tensors `[B]`: the answers, and how many steps were run,
# > from 1 to T. The answer is the class that is ahead at the stop, and -1 if several are level there.

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
    print(f"lead {lead}: {stops.float().mean():4.1f} steps, {hits:.1%} right")
print(f"all {num_steps} steps: {right.float().mean():.1%} right")

# %% [markdown]
# A lead of two or three gives about as many right answers in a fraction of the steps: most images stop soon, the few hard
# ones run on. Which lead to take is a choice for the validation set.
#
# An impatient reader does not count, but takes the neuron that fires first.
#
# > **Exercise 3: the first spike.** Write a decoder that returns, for each image, the class of the neuron that fires
# > first. Return -1 where none fires, or where several are first at the same step.

# %% tags=["claims", "hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Checked here
def a_lead_saves_steps(lead_of):
    decided_by, run_steps = stop_early(spk_rec, lead_of)
    assert run_steps.float().mean() < num_steps / 2 and run_steps.float().median() < 10
    assert (decided_by == targets).float().mean() > right.float().mean() - 0.03


a_lead_saves_steps(2)
a_lead_saves_steps(3)

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

# %% [markdown]
# Where the first spike decides, it is about as reliable as the count. But often it does not decide: two or more classes
# fire first at the same step, nearly always with the right one among them. `ce_rate_loss` does ask the target alone to
# fire at step 0, but with the weight of any other step, $1/T$, so a tie there costs little. `ce_temporal_loss` and
# `mse_temporal_loss` look at nothing but the first spike.
#
# > **Try it.** Ten steps are enough to *answer*. Are they enough to *learn*? Train a second network with 10 steps.
# > Compare it with the first, once after as many iterations, once after five times as many: about the same work.
#
# <details><summary>Answer</summary>
#
# ```python
# training.seed_everything(0)
# short = fresh_net()
# optimizer = torch.optim.Adam(short.parameters(), lr=1e-2)
# batches = torch.utils.data.DataLoader(test, batch_size=250)
# print("50 steps:", training.evaluate(net, batches, num_steps))
# for _ in range(5):
#     training.train(short, loaders.train, optimizer, loss_fn, 10, num_iterations=iterations)
#     print("10 steps:", training.evaluate(short, batches, 10))
# ```
#
# On MNIST, with one seed, `accuracy_rate` gave 94 % for 50 steps; for ten, 89 % after as many iterations and 96 % after
# the same work. Fewer steps make each iteration poorer, but cheaper. So compare recipes at equal work.
#
# </details>
#
# ## What a wrong answer looks like
#
# Which classes are confused with which? Rows are the true classes, columns the answers. The last column takes the
# undecided images.

# %% tags=["claims", "hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Checked here
def first_spikes_tie():
    said_first, unsaid = by_first >= 0, by_first < 0
    assert unsaid.float().mean() > 2 * undecided.float().mean()  # it often does not decide
    reliable = (by_first == targets)[said_first].float().mean()
    assert abs(reliable - right[~undecided].float().mean()) < 0.06
    step = (spk_rec > 0).any(-1).int().argmax(0)
    tied = spk_rec[step, torch.arange(len(step))][unsaid]
    assert (tied.sum(-1) >= 2).float().mean() > 0.9  # ties, not silence
    assert tied[torch.arange(len(tied)), targets[unsaid]].mean() > 0.85


first_spikes_tie()

# %%
_, matrix = figures.confusion_matrix(targets, predictions)
figures.show("Answers for each true class, undecided images in a last column.")

# %%
found = torch.as_tensor(matrix.diagonal() / matrix.sum(1))
easy, hard = found.argmax().item(), found.argmin().item()
print(f"right: {found[easy]:.0%} of the {easy}s, {found[hard]:.0%} of {hard}s")

# %% [markdown]
# Blue on the diagonal is right. Orange is wrong or undecided, and not spread evenly: some classes are harder for this
# network. One number for all ten cannot show that. (An empty column would be an alarm: an output neuron that wins no
# image, perhaps because it never fires.)
#
# Now two images: the wrong answer with the *largest* margin, and an image with the *smallest* margin of all.

# %% tags=["claims", "hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Checked here
off_diagonal = torch.as_tensor(matrix) * ~torch.eye(10, 11, dtype=torch.bool)
assert off_diagonal[:, :10].sum() == wrong.sum() and off_diagonal[:, 10].sum() == undecided.sum()
assert found[easy] - found[hard] > 0.05

# %%
mistakes = wrong.nonzero().squeeze(1)
confident = mistakes[margin[mistakes].argmax()].item()
closest = margin.argmin().item()
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
figures.show("Top, a confident mistake; bottom, the closest call: digit, raster, counts.")

# %% [markdown]
# Above, the mistake looks like many a right answer: one row stands out, one bar is longest. The spikes do not give it
# away. Below, no class is clearly ahead.
#
# There are three ways to be undecided: no class fires, the leaders are level, or they are level because they fire at
# *every* step.

# %%
silence = undecided & (first == 0)
full = undecided & (first == num_steps)
tie = undecided & ~silence & ~full
print(f"{silence.sum()} silent, {tie.sum()} level, {full.sum()} full and level")

# %% [markdown]
# Most are of the third kind: saturation again. That is the price of a loss that drives the winner to its limit. But a tie
# of spikes need not be a tie of membranes.
#
# > **Exercise 4: let the membrane decide.** Where one class has more spikes than any other, it is the answer. Elsewhere
# > take, of *all* classes, the one whose membrane, as recorded, is highest on average over the steps. (Not of the level
# > ones only: the spikes have not decided, so they are not asked again.)

# %% tags=["claims", "hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Checked here
assert margin[confident] >= 15 and margin[closest] <= 3 and full.sum() > tie.sum() + silence.sum()
assert silence.sum() + tie.sum() + full.sum() == undecided.sum()

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
saved = int((chosen == targets)[undecided].sum())
print(f"{saved} of {undecided.sum()} undecided images are right now")

# %% [markdown]
# A membrane is a number, a spike only a bit. So two losses of the library look at membranes: `ce_max_membrane_loss` and
# `mse_membrane_loss`.
#
# ### What is a margin worth?

# %% tags=["claims", "hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Checked here
assert torch.equal(chosen[~undecided].long(), predictions[~undecided])

# %%
margins = {"right answers": margin[right], "wrong answers": margin[wrong]}
figures.shares(margins, range(1, num_steps + 5, 5), "Margin (spikes)")
figures.show("The margins of the right and of the wrong answers.")

# %% [markdown]
# They differ, and they overlap. A large margin is no guarantee.
#
# Let the network refuse an answer when the margin is below some $m$, and pass these images on to someone else.
#
# > **Predict.** Read it off the two histograms, for $m = 20$: about which share of the wrong answers is gone? Which
# > share of the right ones?

# %%
for m in (1, 5, 10, 20, 40):
    sure = margin >= m
    avoided = (wrong & ~sure).sum() / wrong.sum()
    lost = (right & ~sure).sum() / right.sum()
    print(f"m = {m:>2}: {avoided:4.0%} of wrong, {lost:4.0%} of right gone; "
          f"{right[sure].float().mean():.1%} of the rest right")

# %% [markdown]
# <details><summary>Answer</summary>
#
# A much larger part of the wrong ones. So those that are left are more often right, but there are fewer.
#
# </details>
#
# To use such a rule, choose $m$ on the validation set and report on the test set: $m$ is a setting like any other.
#
# > **Take-away.** A spiking classifier has three answers: right, wrong and none. The margin tells the second from the
# > first often, but not always.
#
# ## Spot the silent network
#
# Networks A, B and C have the same architecture, and see the image from above. One is trained. One is untrained. One is
# the trained network with a fault in one layer. Dice decide who is who. We draw 100 neurons of each hidden layer, the
# same ones for all three, and the ten outputs.

# %% tags=["claims", "hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Checked here
assert margin[right].median() > margin[wrong].median() + 5
assert margin[wrong].max() > margin[right].quantile(0.25)  # they overlap
assert margin[right].min() <= 5 and margin[wrong].min() <= 5
assert (wrong & (margin < 20)).sum() / wrong.sum() > 2 * (right & (margin < 20)).sum() / right.sum()
assert right[margin >= 20].float().mean() > right[margin >= 1].float().mean()

# %%
utils.reset(net)
training.seed_everything(1)
ward = [net, fresh_net(), material.with_a_fault(net)]
dice = torch.randperm(3, generator=torch.Generator().manual_seed(0))
charts = {}
for name, number in zip("ABC", dice.tolist()):
    spikes = record_spikes(ward[number], num_steps, image).values()
    charts[name] = [x[:, 0].flatten(1).cpu() for x in spikes]

# %% [markdown]
# > **Predict.** Look at the rasters. Which networks are silent at the output? In which layer does the silence of each
# > begin? Which one is untrained?

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

# %%
for name, chart in charts.items():
    numbers = ", ".join(f"{int(spikes.sum()):>6,}" for spikes in chart)
    print(f"{name}: {numbers} spikes in layer 1, layer 2 and the output")

# %% [markdown]
# <details><summary>Answer</summary>
#
# B is the trained network: it alone has an output. A and C answer nothing, yet they suffer from different things.
# (`accuracy_rate` would credit both with the share of class 0.)
#
# In C the silence begins in layer 2. Layer 1 fires, but its spikes do not lift layer 2 over the threshold. It is
# untrained, as the silent network of [notebook 02](02_convolutional_snn.ipynb) was.
#
# In A both hidden layers fire exactly as in B. Only the output is silent: its threshold was set to 100. So look at the
# last layer, and leave the others alone.
#
# </details>
#
# > **Take-away.** When a network does not learn, draw the raster of every layer, from the input upwards. The first empty
# > one is where to look. Silence further up is only its consequence.
#
# ## Which loss was it?
#
# One more diagnosis. Three small networks, A, B and C, started from the same weights and saw the same printed digits.
# They have no hidden layer and run for 20 steps. Each was trained with another loss:
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
assert sums["C"][0] > 0 and sums["C"][1] < 10 and sums["C"][2] == 0

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


draw_outputs((3, 12))
figures.show("Networks A, B and C side by side: their outputs for two images.")

# %% [markdown]
# > **Exercise 5: name the losses.** Which network was trained with which loss? Each loss was used once. `records` holds
# > 20 images, `[T, B, 10]` for each network, if two are too few.

# %% tags=["exercise"]
# Yours to edit: "ce_rate_loss", "ce_max_membrane_loss" or "mse_count_loss".
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
# In A the target's row has gaps and many others have marks: rates in between, as ordered. In B and C the target's row is full. In
# B all other rows are empty for most images, as each wrong spike costs; a rival is left here and there, such as the 5
# beside the 3. In C wrong neurons fire for every image, and for most a rival at every step: the target's highest membrane
# must exceed theirs, and nobody has asked them to be silent.
#
# ```python
# solved_diagnosis = {"A": "mse_count_loss", "B": "ce_rate_loss", "C": "ce_max_membrane_loss"}
# ```
#
# </details>
#
# ## Draw a digit
#
# Draw a digit yourself, with mouse, finger or keys, and the network of this notebook answers with its spikes. (Where no
# kernel runs, as in the online book, choose from some drawings.) Your drawing is scaled and centered as the images were
# that the network knows: compare the two pictures.
#
# > **Predict.** A class, a tie or silence: what will the network answer to a cross? It has one output neuron for each
# > digit, and has seen nothing but digits.

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
    assert gaps["A"] > 0.9 and quiet["A"] == 0 and (records["A"].sum(0) > 0).sum(1).min() >= 5
    assert full_rows["B"] > 0.9 and full_rows["C"] == 1
    assert 0.5 < quiet["B"] < 1 and quiet["C"] == 0 and loud["C"] > 0.5


handwriting()
assert labels_small[3] == 3 and records["B"][:, 3, 5].sum() > 0

# %%
drawing = explorers.draw_digit(net, num_steps, source=digits.source)
drawing

# %%
for name in ("between 4 and 9", "a cross, no digit", "nothing"):
    print(f"{name}: {drawing.compute(drawn=name).sentence}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# The cross makes output neurons fire as a digit does, and it may well win a class by far: there is no neuron for "this
# is no digit".
#
# An empty canvas is no current but that of the biases. If these are too small to drive the output, there is silence, the
# only honest answer; but no loss has asked for it.
#
# </details>
#
# > **Try it.** Draw a digit that you find clear and the network does not read. Then fix it stroke by stroke: at which
# > one does the answer change?
#
# <details><summary>Answer</summary>
#
# That depends on your hand. Watch the counts rather than the answer: they tell whether the stroke decides by one spike or
# by many.
#
# </details>

# %% tags=["claims", "hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Checked here
def printed_digits_are_read():
    names = [f"an {i}" if i == 8 else f"a {i}" for i in range(10)]
    read = [drawing.compute(drawn=name).recording.prediction for name in names]
    return sum(answer == i for i, answer in enumerate(read))


assert printed_digits_are_read() >= (8 if digits.source == "mnist" else 5)
assert drawing.compute(drawn="a cross, no digit").counts.any()

# %% [markdown]
# ## Summary
#
# - A raster shows who fired, the membranes who nearly did, the counts who won, and the maps where.
# - Layer 1 turns a constant current into regular spikes: the stronger, the sooner and the more often. Layer 2 receives
#   flicker.
# - Most decisions fall within a few steps. On still images, the steps after the tenth add little.
# - Level counts are often saturation. The membranes can still tell the classes apart.
# - Wrong answers have smaller margins on the whole, but one can be as loud as a right one.
# - A silent output has its cause in the lowest silent layer.
#
# **What comes next.** [Fast simulation, same results](05_fast_simulation.ipynb): why 50 steps cost what they cost, how to
# run them faster without changing a spike, and how many it takes.
#
# **Further reading.** [Thorpe, Delorme & Van Rullen 2001](https://doi.org/10.1016/S0893-6080(01)00083-1) on
# decisions by the first spikes; [Chowdhury, Rathi & Roy 2021](https://doi.org/10.48550/arXiv.2110.05929) on
# networks that need a single time step; [Chow 1970](https://doi.org/10.1109/TIT.1970.1054406) on refusing
# an answer; [Eshraghian et al. 2023](https://doi.org/10.1109/JPROC.2023.3308088) for the whole field.
