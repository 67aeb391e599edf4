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
# # Build a spiking neuron
#
# [Open in Colab](https://colab.research.google.com/github/OWNER/snn-course/blob/main/notebooks/00_spiking_neuron.ipynb)
#
# **You will**
#
# - go from an electrical circuit to one line of code, and know where `beta` comes from;
# - add a threshold and a reset, first in plain Python, then with the course's library, and test that the two agree;
# - predict from a formula when a neuron fires, and check it; then add noise and watch the formula soften;
# - find two faults that stand in published code for this neuron;
# - turn an image into input in three ways, and measure what each one gains and loses.
#
# snnTorch is a PyTorch library for spiking networks; its
# [tutorial 6](https://snntorch.readthedocs.io/en/latest/tutorials/tutorial_6.html) is the starting point of this
# course.
#
# **You need** Python and PyTorch tensors. No neuroscience is assumed, and nothing is trained here.
#
# **Time**: about 70 minutes to read and try, half a minute to run.
#
# > **Note.** An exercise is a task, a cell to edit (it says `# Yours to edit`), and a cell that checks what you wrote.
# > The check tells what is wrong, and nothing you write is overwritten. Leave out what you like: where
# > the notebook needs your function and it does not pass, a reference takes its place, and a line says so.

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
from torch import nn

import tutorial_lib as snn
from course_kit import exercises, explorers
from tutorial_lib import data
from tutorial_lib import plotting as splt
from tutorial_lib.encoding import latency_encode, rate_encode
from tutorial_lib.plotting import style

# %% [markdown]
# ## A membrane that leaks
#
# A neuron is a bag of salt water in salt water. Its skin, the membrane, keeps charges apart: it is a
# **capacitor** $C$. The skin has pores through which charge leaks back: they are a **resistor** $R$.
# A current $I_\mathrm{in}$ that flows in either charges the capacitor or leaks out through the resistor:
#
# $$ I_\mathrm{in} = C\,\frac{\mathrm dU}{\mathrm dt} + \frac{U}{R} $$
#
# $U$ is the **membrane potential**, measured from its value at rest. Multiply by $R$ and write $\tau = RC$:
#
# $$ \tau\,\frac{\mathrm dU}{\mathrm dt} = -U + R\,I_\mathrm{in} $$ (eq:00-membrane)
#
# $\tau$ is the **membrane time constant**. Here are values of the right size for a nerve cell:

# %%
R, C = 100.0, 0.2  # megaohm, nanofarad
I_in = 0.25  # nanoampere
tau = R * C  # megaohm times nanofarad: milliseconds
print(f"tau = {tau:.0f} ms, and R I_in = {R * I_in:.0f} mV")
assert math.isclose(tau, 20) and math.isclose(R * I_in, 25)

# %% [markdown]
# For a constant current, [the equation](#eq:00-membrane) has an exact solution. $U$ moves from where it is,
# $U_0$, to where the current pulls it, $R I_\mathrm{in}$, and the distance shrinks exponentially:
#
# $$ U(t) = R I_\mathrm{in} + (U_0 - R I_\mathrm{in})\,e^{-t/\tau} $$ (eq:00-solution)
#
# You need not believe this. PyTorch can take the derivative and put it into the equation: what is left over
# must be zero.


# %%
def solution(t, start, drive):
    """Exact membrane potential at time t (ms) for a constant drive R * I_in (mV)."""
    return drive + (start - drive) * torch.exp(-t / tau)


t = torch.linspace(0, 100, 501, dtype=torch.float64, requires_grad=True)
U = solution(t, start=0.0, drive=R * I_in)
(dU_dt,) = torch.autograd.grad(U.sum(), t)
left_over = tau * dU_dt - (-U + R * I_in)
assert left_over.abs().max() < 1e-10

# %% [markdown]
# > **Predict.** The current is on for 100 ms, then off. How far does $U$ get in the first 20 ms, that is in
# > one $\tau$? And how much of it is left one $\tau$ after the current stops?

# %%
rise = U.detach()
fall = solution(t.detach(), start=rise[-1], drive=0.0)
one_tau = 100  # 20 ms, in samples of 0.2 ms

fig, ax = plt.subplots(figsize=(7, 2.8), layout="constrained")
ax.plot(torch.cat([t, t + 100]).detach(), torch.cat([rise, fall]), color=style.BLUE)
ax.axvspan(0, 100, color=style.PALE, alpha=0.5, label="current on")
style.note(ax, 50, 1, "current on", ha="center")
for time, value in [(20, rise[one_tau]), (120, fall[one_tau])]:
    ax.plot(time, value, "o", color=style.VERMILION)
    style.note(ax, time + 3, value - 1.2, f"{value / 25:.0%} of 25 mV")
style.dress(ax, "Time (ms)", "Membrane\npotential (mV)")
splt.show(
    "The membrane rises, ever slower, while the current is on, then decays; dots after one tau."
)

# %% [markdown]
# The rise is steep at first and flattens as more and more charge leaks out. The fall has the same shape.

# %%
assert abs(rise[one_tau] / 25 - 0.63) < 0.01  # 1 - 1/e
assert abs(fall[one_tau] / rise[-1] - 0.37) < 0.01  # 1/e
assert rise[-1] > 0.99 * 25  # after five time constants

# %% [markdown]
# <details><summary>Answer</summary>
#
# After one $\tau$ the membrane has covered $1 - 1/e$, or 63 %, of its way. One $\tau$ after the end, $1/e$, or
# 37 %, is left. After five time constants little more happens: it is within 1 % of its goal.
#
# </details>
#
# ### From a curve to steps: `beta`
#
# A network is computed in steps of length $\Delta t$. Hold the current constant during a step, and
# put $t = \Delta t$ into [the solution](#eq:00-solution). With the short name
#
# $$ \beta = e^{-\Delta t/\tau} $$ (eq:00-beta)
#
# it reads
#
# $$ U[t] = \beta\,U[t-1] + (1 - \beta)\,R I_\mathrm{in}[t] $$ (eq:00-step)
#
# $\beta$ is the share of the membrane potential that is left after one step. In code it is one line:


# %%
def decay_step(mem, drive, beta):
    return beta * mem + (1 - beta) * drive


# %% [markdown]
# > **Predict.** Steps of 0.2 ms surely follow the curve. What about steps of 20 ms, as long as $\tau$ itself?

# %%
for every in (1, 10, 100):  # steps of 0.2, 2 and 20 ms
    grid = rise[every::every]
    beta = math.exp(-0.2 * every / tau)
    mem, mem_rec = 0.0, []
    for _ in grid:
        mem = decay_step(mem, drive=R * I_in, beta=beta)
        mem_rec.append(mem)
    error = (torch.tensor(mem_rec, dtype=torch.float64) - grid).abs().max()
    print(f"dt = {0.2 * every:4.1f} ms, beta = {beta:.3f}, largest error {error:.0e} mV")
    assert error < 1e-10

# %% [markdown]
# <details><summary>Answer</summary>
#
# Any step is exact, also a coarse one, as long as the current is constant within it. Nothing was approximated.
#
# </details>
#
# > **Take-away.** $\beta = e^{-\Delta t/\tau}$ is exact, for small steps and large.
#
# > **Exercise 1: from steps to milliseconds.** A layer has `beta = 0.5` and takes steps of 2 ms. What is its
# > membrane time constant $\tau$, in ms, to two decimals?

# %% tags=["exercise"]
# Yours to edit: a number in place of the three dots.
my_tau = ...

# %%
exercises.check("00-time-constant", my_tau)

# %% [markdown]
# <details><summary>Hint</summary>
#
# Take the logarithm of both sides of [the definition of $\beta$](#eq:00-beta).
#
# </details>
#
# <details><summary>Solution</summary>
#
# $\ln\beta = -\Delta t/\tau$, so $\tau = -\Delta t/\ln\beta$. That is 2.89 ms.
#
# ```python
# tau_solved = -2 / math.log(0.5)
# ```
#
# </details>
#
# ### The approximation you meet elsewhere
#
# Many texts derive the update by **forward Euler**: they replace $\mathrm dU/\mathrm dt$ by
# $(U[t] - U[t-1])/\Delta t$ in [the equation](#eq:00-membrane). This gives
# [the same update](#eq:00-step), with another $\beta$:
#
# $$ \beta_\mathrm{Euler} = 1 - \frac{\Delta t}{\tau} $$
#
# It is the beginning of the series $e^{-x} = 1 - x + x^2/2 - \dots$ and hence good for small $\Delta t/\tau$.
#
# > **Predict.** What does Euler's update do for $\Delta t = 30$ ms and for $\Delta t = 50$ ms, with $\tau = 20$ ms?

# %%
fig, axes = plt.subplots(1, 3, figsize=(9, 2.8), layout="constrained")
fine = torch.linspace(0, 250, 501)
euler_rec = {}
for ax, dt in zip(axes, (5, 30, 50), strict=True):
    times = torch.arange(0, 251 if dt > 5 else 51, dt)
    ax.plot(fine, solution(fine, 0.0, R * I_in), color=style.MUTED, label="exact curve")
    exact, euler = ([0.0], [0.0])
    for _ in times[1:]:
        exact.append(decay_step(exact[-1], R * I_in, beta=math.exp(-dt / tau)))
        euler.append(decay_step(euler[-1], R * I_in, beta=1 - dt / tau))
    ax.plot(times, exact, "o", color=style.BLUE, label="exact update")
    ax.plot(times, euler, "s--", color=style.VERMILION, linewidth=1, label="Euler")
    euler_rec[dt] = euler
    ax.set(xlim=(-2, times[-1] + 2), title=f"$\\Delta t$ = {dt} ms")
    style.dress(ax, "Time (ms)")
fig.supylabel("Membrane potential (mV)", fontsize=style.LABEL_SIZE)
axes[0].legend()
splt.show(
    "Exact update and Euler's beside the exact curve for three step lengths: Euler's misses, "
    "swings, runs away."
)

# %% [markdown]
# The dots of the exact update lie on the curve in every panel. Euler's squares miss it a little, swing about
# it, and run away.

# %%
overshoot = [value - 25 for value in euler_rec[30][1:]]
assert all(a * b < 0 for a, b in zip(overshoot, overshoot[1:], strict=False))  # above, below, ...
assert max(abs(value) for value in euler_rec[50]) > 100  # while R I_in is 25
assert (1 - 30 / tau, 1 - 50 / tau) == (-0.5, -1.5)  # Euler's beta

# %% [markdown]
# <details><summary>Answer</summary>
#
# $\beta_\mathrm{Euler}$ is negative as soon as $\Delta t > \tau$: at 30 ms it is $-0.5$, and each step jumps
# over the goal. Beyond $\Delta t = 2\tau$ it is below $-1$ (at 50 ms, $-1.5$), and each jump is larger than the
# one before.
#
# </details>
#
# For small steps, Euler's error is proportional to the step: half the step, half the error.

# %%
errors = []
for dt in (4, 2, 1, 0.5):
    value = 25 * (1 - (1 - dt / tau) ** (tau / dt))  # Euler, from rest, after one tau
    errors.append(value - 25 * (1 - math.exp(-1)))
    print(f"dt = {dt:3} ms: error after one tau {errors[-1]:.2f} mV")
assert all(1.9 < a / b < 2.4 for a, b in zip(errors, errors[1:], strict=False))

# %% [markdown]
# Does this matter for a network? If you choose $\beta$ by hand or learn it, no: a $\beta$ is a $\beta$. It
# matters when you translate. The $\beta = 0.5$ of this course means $\Delta t/\tau = \ln 2$; put that into
# Euler's formula and you get another neuron.

# %%
ratio = -math.log(0.5)
print(f"beta = 0.5: dt/tau = {ratio:.3f}. Euler's beta for it: {1 - ratio:.3f}")
assert abs(ratio - math.log(2)) < 1e-12 and 1 - ratio < 0.31

# %% [markdown]
# ### Units of the threshold
#
# Volts and amperes are of no use to a network that learns its weights. So two things are absorbed:
#
# - The membrane is measured in units of the firing threshold, which comes in the next section: the
#   threshold is then 1.
# - The factor $(1-\beta)R$ goes into the current. What is left is the input of the course's neuron,
#
# $$ I[t] = (1 - \beta)\,R\,I_\mathrm{in}[t] \;/\; \text{(threshold in mV)} $$
#
# and the update becomes
#
# $$ U[t] = \beta\,U[t-1] + I[t] $$ (eq:00-update)
#
# In a network $I[t]$ is a weighted sum of inputs. The weights are learned, so they take over the constant factors.
# Our cell, with $\Delta t = 1$ ms and a threshold of 15 mV above rest:

# %%
beta_cell = math.exp(-1 / tau)
cur_cell = (1 - beta_cell) * R * I_in / 15
print(f"beta = {beta_cell:.3f}, I[t] = {cur_cell:.3f} thresholds per step")
assert abs(cur_cell / (1 - beta_cell) - 25 / 15) < 1e-12

# %% [markdown]
# > **Note.** There is a price. With $(1-\beta)$ hidden in the current, a constant $I$ pulls the membrane to
# > $I/(1-\beta)$ (set $U[t] = U[t-1]$ in [the update](#eq:00-update)). Change `beta` with the same weights,
# > and you change not only the memory but also how strongly the input acts.

# %% [markdown]
# ## Threshold and reset
#
# When the membrane potential exceeds the **threshold** $\theta$, the neuron sends a **spike**: $S[t] = 1$, else 0.
# All real spikes look alike, so a bare 1 is a fair model.
#
# > **Predict.** Here are [the update](#eq:00-update) and a threshold, nothing else. The current is 0.15 at each step,
# > `beta` is 0.9, so the membrane is pulled to $0.15/0.1 = 1.5$. What will the spikes look like?

# %%
mem, spk_rec, mem_rec = 0.0, [], []
for _ in range(40):
    mem = 0.9 * mem + 0.15  # decay, then add the input
    mem_rec.append(mem)
    spk_rec.append(float(mem > 1.0))  # above threshold?

splt.trace(torch.tensor(mem_rec), torch.tensor(spk_rec), threshold=1.0)
splt.show(
    "Without a reset the membrane stays above the threshold: from there on a spike at every step."
)

# %% [markdown]
# From step 10 on the membrane stays above threshold, and every step is a spike (the strokes at the top).

# %%
assert spk_rec.index(1.0) == 10 and sum(spk_rec) == 30

# %% [markdown]
# <details><summary>Answer</summary>
#
# One crossing, then a spike at each of the 30 steps that are left. Such a neuron says "above" or "below",
# and cannot tell a current of 0.15 from one of 1.5.
#
# </details>
#
# A spike must cost something. After it, the membrane is **reset**. There are two usual ways. With
# $R[t] = S[t-1]$, "did it fire at the step before?":
#
# $$ \text{subtract:}\quad U[t] = \beta\,U[t-1] + I[t] - R[t]\,\theta $$ (eq:00-subtract)
#
# $$ \text{zero:}\quad U[t] = \beta\,(1 - R[t])\,U[t-1] + I[t] $$ (eq:00-zero)
#
# (Not the resistor: with an index, $R[t]$ is the reset from here on.)
#
# > **Exercise 2: the whole neuron.** Write one step of it, for plain numbers. `reset` is "subtract", "zero"
# > or "none". Return the spike first, then the membrane.


# %% tags=["exercise"]
def my_step(cur, mem, beta, threshold=1.0, reset="subtract"):
    """One step of one neuron; returns its spike S[t] and its membrane U[t]."""
    # Yours to edit. First: did it fire at the step before? "zero" wipes the old membrane before the
    # leak; "subtract" takes the threshold after leak and input. The spike comes last.
    ...


# %%
exercises.check("00-leaky-step", my_step)

# %% [markdown]
# <details><summary>Hint</summary>
#
# Begin with `fired = float(mem > threshold)`, which is $R[t]$. The spike to return compares the *new* membrane.
#
# </details>
#
# <details><summary>Solution</summary>
#
# ```python
# def solved_step(cur, mem, beta, threshold=1.0, reset="subtract"):
#     fired = float(mem > threshold)  # R[t]: did it fire at the step before?
#     if reset == "zero":
#         mem = (1 - fired) * mem
#     mem = beta * mem + cur
#     if reset == "subtract":
#         mem = mem - fired * threshold
#     return float(mem > threshold), mem  # S[t], U[t]
# ```
#
# </details>
#
# From here on the notebook runs on `leaky_step`: your function if it passes, the one from the solution otherwise.

# %%
leaky_step = exercises.accepted("00-leaky-step", my_step)

# %% [markdown]
# A neuron is nothing without time. This loop feeds it one current after the other and keeps what it did:


# %%
def run(current, step=leaky_step, **settings):
    """Feeds a list of currents to one neuron; returns its spikes and membranes, both [T]."""
    mem, record = 0.0, []
    for cur in current:
        spk, mem = step(cur, mem, **settings)
        record.append((spk, mem))
    return torch.tensor(record, dtype=torch.float64).unbind(1)


# %% [markdown]
# > **Predict.** One pulse of 2.5 thresholds at step 0, then nothing. `beta` is 0.5. What is $U$ at steps 0
# > and 1, with each reset and with none?

# %%
pulse = {}
for reset in ("none", "zero", "subtract"):
    spk, pulse[reset] = run([2.5, 0, 0, 0], beta=0.5, reset=reset)
    print(f"{reset:>8}: mem {pulse[reset].tolist()}, spk {spk.tolist()}")
assert pulse["none"].tolist() == [2.5, 1.25, 0.625, 0.3125]
assert pulse["zero"].tolist() == [2.5, 0, 0, 0]
assert pulse["subtract"].tolist() == [2.5, 0.25, 0.125, 0.0625]

# %% [markdown]
# <details><summary>Answer</summary>
#
# At step 0 all three have $U = 2.5$, above threshold. **The reset acts one step after the spike, and the
# membrane you get back is the one before the reset.** So a recorded membrane may exceed the threshold; that is no
# fault.
#
# At step 1: none, $0.5 \cdot 2.5 = 1.25$, a second spike. Zero: 0, and the 1.5 above the threshold are
# forgotten. Subtract: $0.5 \cdot 2.5 - 1 = 0.25$, so part of the excess survives.
#
# </details>
#
# > **Note.** "Subtract" takes away a whole threshold *after* the decay. Other code subtracts
# > in the step of the spike, and the decay acts on the rest: $0.5 \cdot (2.5 - 1) = 0.75$ at step 1. That is a
# > different neuron. When you compare two libraries, compare this first.
#
# Now the constant current of 0.15 again.

# %%
exercises.predict("00-reset-count")

# %%
mechanisms = ("none", "zero", "subtract")
runs = [run([0.15] * 100, beta=0.9, reset=reset) for reset in mechanisms]
spk_rec, mem_rec = (torch.stack(records, dim=1) for records in zip(*runs, strict=True))
counts = {name: int(n) for name, n in zip(mechanisms, spk_rec.sum(0), strict=True)}

fig = plt.figure(figsize=(8, 5), layout="constrained")
titles = [f"{name}: {n} spikes" for name, n in counts.items()]
splt.traces(mem_rec, spk_rec, dim=(3, 1), titles=titles, threshold=1.0, fig=fig)
splt.show(
    "One current, three resets: without any it stays above threshold, the other two are sawtooths."
)

# %% [markdown]
# Both resets turn firing without end into a rhythm. The lowest panel starts a little lower after each spike:
# "subtract" takes a whole threshold from a membrane that has already decayed, and $0.9 \cdot 1.03 - 1$ is below 0. For
# a weak current it is the harsher reset. For a strong one it is the milder, as the pulse has shown.

# %%
assert counts == {"none": 90, "zero": 9, "subtract": 8}
after_spike = mem_rec[11]  # first spike at step 10
assert after_spike[2] < after_spike[1] and 0.9 * mem_rec[10, 2] - 1 < 0

# %% [markdown]
# > **Take-away.** Leak, add the input, apply the reset if the step before was a spike ("zero" acts on the old
# > membrane only), compare with the threshold. Subtract is the default here and in snnTorch.
#
# ### The library's neuron
#
# `snn.lif_step` is the same function for tensors of any shape. `snn.Leaky` is a layer around it. You hold the
# membrane yourself: `mem = lif.init_leaky()`, then `spk, mem = lif(cur, mem)`. Records have **time first**:
# `[T, ...]`.


# %%
def simulate(lif, current):
    """Runs a layer over a current [T, ...]; returns spikes and membranes, both [T, ...]."""
    mem, record = lif.init_leaky(), []
    for cur in current:
        spk, mem = lif(cur, mem)
        record.append((spk, mem))
    spk_rec, mem_rec = zip(*record, strict=True)
    return torch.stack(spk_rec), torch.stack(mem_rec)


# %% [markdown]
# "The same" is a claim. Here is a test, on 500 random currents in double precision, for all three resets.

# %%
torch.manual_seed(0)
current = 0.2 + 0.6 * torch.randn(500, dtype=torch.float64)
beta = torch.tensor(0.8, dtype=torch.float64)
for reset in mechanisms:
    spk, mem = run(current.tolist(), beta=0.8, reset=reset)
    spk_lib, mem_lib = simulate(snn.Leaky(beta, reset_mechanism=reset), current)
    assert torch.equal(spk, spk_lib) and 20 < spk.sum() < 480
    assert torch.allclose(mem, mem_lib, rtol=0, atol=1e-5)  # room for a step in float32

spk, mem = snn.lif_step(cur=torch.tensor(0.3), mem=torch.tensor(2.0), beta=0.8)
assert math.isclose(mem.item(), leaky_step(0.3, 2.0, 0.8)[1], rel_tol=1e-6)

# %% [markdown]
# From here on we use `snn.Leaky`. It computes many neurons at once, one per entry of the current.

# %% [markdown]
# ## Constant current: when does it fire?
#
# > **Predict.** $\beta = 0.9$, $\theta = 1$, and a current of 0.05, 0.09 or 0.12 at each step. Which neurons fire,
# > if you only wait long enough?

# %%
levels = torch.tensor([0.05, 0.09, 0.12])
spk_rec, mem_rec = simulate(snn.Leaky(beta=0.9), levels.expand(100, 3))

fig, ax = plt.subplots(figsize=(7, 3.2), layout="constrained")
for i, level in enumerate(levels.tolist()):
    splt.trace(mem_rec[:, i], threshold=1.0, ax=ax, label=f"I = {level:.2f}")
splt.show(
    "Two of the currents level off below the threshold; the third crosses it again and again."
)

# %% [markdown]
# Two curves level off below the threshold; only the third crosses it.

# %%
assert torch.allclose(mem_rec[-1, :2], levels[:2] / (1 - 0.9), atol=1e-3)  # 0.5 and 0.9
assert spk_rec.sum(0)[:2].tolist() == [0, 0] and spk_rec[:, 2].sum() >= 3

# %% [markdown]
# <details><summary>Answer</summary>
#
# Only the last. After many steps the leak balances the current and $U$ stands still at $I/(1-\beta)$: at 0.5 and
# 0.9 for the first two. No patience helps.
#
# </details>
#
# A neuron with $\beta < 1$ fires only if that resting place is above threshold, $I/(1-\beta) > \theta$, that is
#
# $$ I > (1 - \beta)\,\theta $$ (eq:00-rheobase)
#
# The bound is called the **rheobase**. Here it is 0.1. For our cell it is a plain 15 mV divided by $R$:

# %%
rheobase = (1 - beta_cell) * 1.0  # in thresholds per step
in_nanoampere = rheobase / cur_cell * I_in
print(f"rheobase of the cell: {in_nanoampere:.2f} nA")
assert math.isclose(in_nanoampere, 15 / R)

# %% [markdown]
# ### How often does it fire?
#
# From rest, $n$ steps of [the update](#eq:00-update) add up to a geometric series:
#
# $$ U = I\,(1 + \beta + \dots + \beta^{n-1}) = I\,\frac{1 - \beta^n}{1 - \beta} $$
#
# The first spike comes at the smallest whole $n$ for which this exceeds $\theta$. Solve for $n$:
#
# $$ n = \left\lfloor \frac{\ln\bigl(1 - (1-\beta)\,\theta / I\bigr)}{\ln\beta} \right\rfloor + 1 $$ (eq:00-period)
#
# Reset to zero starts the same climb again. So $n$ is also the **period**, the time from spike to spike,
# and the firing rate is $1/n$ spikes per step.
#
# We check it on 60 neurons at once, each with its own current.


# %%
def period_of(cur, beta):
    """Steps from spike to spike for currents above the rheobase, threshold 1, reset to zero."""
    return torch.floor(torch.log(1 - (1 - beta) / cur) / math.log(beta)) + 1


beta, num_steps = torch.tensor(0.9, dtype=torch.float64), 1000
currents = torch.linspace(0.013, 1.193, 60, dtype=torch.float64)
lif = snn.Leaky(beta, reset_mechanism="zero")
spk_zero, _ = simulate(lif, currents.expand(num_steps, -1))

# %%
fires = currents > (1 - beta)  # above the rheobase
period = period_of(currents[fires], beta)
assert spk_zero[:, ~fires].sum() == 0
assert torch.equal(spk_zero[:, fires].argmax(0) + 1, period.long())  # first spike
assert torch.equal(spk_zero[:, fires].sum(0), torch.floor(num_steps / period))  # all spikes
print(f"{int(fires.sum())} neurons fire, all as predicted; {int((~fires).sum())} stay silent")

# %% [markdown]
# > **Exercise 3: set a clock.** Find a constant current for which a neuron with $\beta = 0.9$, $\theta = 1$ and
# > reset to zero fires at every fifth step.

# %% tags=["exercise"]
# Yours to edit: a number in place of the three dots.
my_current = ...

# %%
exercises.check("00-clock-current", my_current)

# %% [markdown]
# <details><summary>Hint</summary>
#
# After 5 steps the membrane must be above 1, after 4 steps not yet. Use the geometric series.
#
# </details>
#
# <details><summary>Solution</summary>
#
# $0.1/(1 - 0.9^5) < I \le 0.1/(1 - 0.9^4)$: anything from 0.245 to 0.290.
#
# ```python
# current_solved = 0.27
# spk, _ = run([current_solved] * 50, beta=0.9, reset="zero")
# print(spk.nonzero().flatten())
# ```
#
# </details>
#
# For "subtract" no such simple formula exists, since each climb starts elsewhere. But there is a balance sheet. Average
# [the update](#eq:00-subtract) over many steps: $U$ neither grows nor shrinks on average, so what comes in leaves
# as leak or as spikes. With the rate $r$ and the mean membrane $\bar U$,
#
# $$ I = (1-\beta)\,\bar U + r\,\theta $$ (eq:00-balance)
#
# > **Predict.** What does [the balance](#eq:00-balance) say for $\beta = 1$, a neuron that forgets nothing? Which
# > function from ordinary networks is that?

# %%
rates = {}
for b in (1.0, 0.9, 0.5):
    lif = snn.Leaky(torch.tensor(b, dtype=torch.float64))
    spk_rec, mem_rec = simulate(lif, currents.expand(num_steps, -1))
    rates[b] = spk_rec.mean(0)
    settled = currents < 1  # for beta = 1, a stronger current drives U up without end
    balance = (1 - b) * mem_rec.mean(0) + rates[b]
    assert torch.allclose(balance[settled], currents[settled], rtol=0, atol=2 / num_steps)

# %%
fig, (left, right) = plt.subplots(1, 2, figsize=(9, 3.3), sharey=True, layout="constrained")
fine = torch.linspace(0.1001, 1.2, 2000, dtype=torch.float64)
left.plot(fine, 1 / period_of(fine, 0.9), color=style.MUTED, label="predicted, 1/n")
left.plot(currents, spk_zero.mean(0), "o", color=style.BLUE, markersize=4, label="measured")
left.set_title(r"reset to zero, $\beta$ = 0.9")
style.dress(left, ylabel="Spikes per step")
for index, (b, rate) in enumerate(rates.items()):
    look = style.curve(index) | {"marker": "none"}
    right.plot(currents, rate, **look, label=rf"$\beta$ = {b}, rheobase {1 - b:.1f}")
right.set_title("reset by subtraction")
for ax in (left, right):
    style.dress(ax, "Current (thresholds per step)")
    ax.legend(loc="upper left", fontsize=style.NOTE_SIZE)
    ax.set_ylim(-0.03, 1.25)
splt.show(
    "Firing rates against the current: left, measured dots on the predicted staircase; right, "
    "three betas."
)

# %% [markdown]
# Left, the dots sit on the prediction: a silent stretch up to the rheobase, then steps, because a period is a
# whole number. Right, more forgetting moves the start to the right and lowers the curve.

# %%
below_one = currents < 1
assert torch.allclose(rates[1.0][below_one], currents[below_one], atol=2 / num_steps)  # r = I
assert run([-0.3] * 50, beta=1.0)[0].sum() == 0  # nothing for a negative current
assert (rates[0.5] <= rates[0.9]).all() and (rates[0.9] <= rates[1.0] + 2 / num_steps).all()

# %% [markdown]
# <details><summary>Answer</summary>
#
# For $\beta = 1$ the leak vanishes and $r = I/\theta$: the rate is the current, from 0 up to the limit of one
# spike per step. For negative currents it is 0. This is a ReLU, cut off at 1. It is the reason why
# an ordinary network can be converted into a spiking one. With leak, the ReLU gets a dead zone: the rheobase.
#
# </details>
#
# > **Take-away.** Below the rheobase $(1-\beta)\theta$ a constant current gives no spike, ever. Above it the neuron
# > fires again and again, at a rate that grows with the current (in steps, where the period is a whole number).
# > With reset to zero it is an exact clock; with "subtract" the intervals may differ by a step.

# %% [markdown]
# ## Noisy current: spikes below the rheobase
#
# A neuron in a network never sees a constant current. Let us add noise:
# $I[t] = \bar I + \sigma\,\xi[t]$, where $\xi[t]$ is a standard normal number, new at each step.
#
# > **Predict.** $\bar I = 0.08$, below the rheobase of 0.1. The noise has mean 0, so it adds nothing on average.
# > Will there be spikes?

# %%
torch.manual_seed(1)
sigma = torch.tensor([0.0, 0.1])
noisy = 0.08 + sigma * torch.randn(400, 2)
spk_rec, mem_rec = simulate(snn.Leaky(beta=0.9), noisy)

fig = plt.figure(figsize=(8, 3.6), layout="constrained")
titles = [f"sigma = {s:.1f}: {int(n)} spikes" for s, n in zip(sigma, spk_rec.sum(0), strict=True)]
splt.traces(mem_rec, spk_rec, dim=(2, 1), titles=titles, threshold=1.0, fig=fig)
splt.show(
    "One mean current: without noise it levels off below threshold, with noise it crosses it at "
    "times."
)

# %% [markdown]
# The noisy membrane wanders around 0.8 and now and then stumbles over the threshold, at irregular times.

# %%
assert spk_rec[:, 0].sum() == 0 and spk_rec[:, 1].sum() > 0
intervals = spk_rec[:, 1].nonzero().flatten().diff()
assert intervals.min() < intervals.max()  # no clock any more

# %% [markdown]
# <details><summary>Answer</summary>
#
# Yes. What counts is not the mean but the chance to be above threshold at some step.
#
# </details>
#
# How far does it wander? Each step keeps a share $\beta^2$ of the variance and adds $\sigma^2$. In balance
# $v = \beta^2 v + \sigma^2$, hence a standard deviation of
#
# $$ \sigma_U = \frac{\sigma}{\sqrt{1 - \beta^2}} $$
#
# To measure it, we put the threshold out of reach.

# %%
torch.manual_seed(2)
_, free = simulate(snn.Leaky(beta=0.9, threshold=100.0), 0.08 + 0.1 * torch.randn(1000, 100))
measured, predicted = free[100:].std().item(), 0.1 / math.sqrt(1 - 0.9**2)
print(f"measured {measured:.3f}, predicted {predicted:.3f}; the threshold is 0.2 above the mean")
assert abs(measured / predicted - 1) < 0.05 and predicted > 0.2

# %% [markdown]
# The threshold is less than one standard deviation away. Now the whole curve, rate against mean current:

# %%
torch.manual_seed(3)
means = torch.linspace(0, 0.3, 31)
noisy_rates = {}
fig, ax = plt.subplots(figsize=(7, 3.2), layout="constrained")
for index, s in enumerate((0.0, 0.05, 0.15)):
    spk_rec, _ = simulate(snn.Leaky(beta=0.9), means + s * torch.randn(1000, 20, 31))
    noisy_rates[s] = spk_rec.mean((0, 1))
    ax.plot(means, noisy_rates[s], **style.curve(index), label=f"sigma = {s}")
ax.axvline(0.1, color=style.MUTED, linestyle=":", gid="rheobase")
style.note(ax, 0.102, 0.18, "rheobase")
style.dress(ax, "Mean current (thresholds per step)", "Spikes per step")
ax.legend()
splt.show(
    "Firing rate against mean current for three levels of noise, which rounds the corner at the "
    "rheobase."
)

# %% [markdown]
# Without noise the curve has a corner at the rheobase. Noise rounds it off; well above the rheobase it hardly matters.

# %%
quiet, some, much = (noisy_rates[s] for s in (0.0, 0.05, 0.15))
assert quiet[8] == 0 < some[8] < much[8]  # mean current 0.08
assert abs(much[-1] / quiet[-1] - 1) < 0.2  # mean current 0.30

# %% [markdown]
# ### The neuron to play with
#
# One figure, with everything so far to move. The three kinds of current have the same mean: constant, noisy, and pulses
# of twice the mean that are on half of the time. The membrane is in the middle. Below it is a stroke for each spike, and a
# cross where the reset acts, one step later.
#
# > **Predict.** Keep `beta` at 0.9, and choose a mean current of 0.08, below the rheobase. Which of the three currents
# > makes this neuron fire? And with `beta` at 0.5?

# %%
explorers.neuron()

# %% [markdown]
# Now look for yourself. Then set the reset to "none": where have you seen these spikes before?

# %%
neuron_at = explorers.neuron().compute
settings = {"level": 0.08, "threshold": 1.0, "reset": "subtract"}
kinds = ("constant", "noisy", "pulses")
fired = {}
for b in (0.9, 0.5):
    views = [neuron_at(current=kind, beta=b, **settings) for kind in kinds]
    fired[b] = [int(view.spk.sum()) for view in views]
    print(f"beta = {b}: spikes {dict(zip(kinds, fired[b], strict=True))}")
assert fired[0.9][0] == 0 < min(fired[0.9][1:]) and fired[0.5] == [0, 0, 0]

# %% [markdown]
# <details><summary>Answer</summary>
#
# The constant current never does. Noise and pulses do, though on average they bring no more: with a good memory the
# membrane adds up what comes close together. With `beta` at 0.5 it forgets too fast, and nothing adds up to a spike.
#
# Without a reset, the membrane stays above the threshold, as in the first neuron of this notebook.
#
# </details>
#
# > **Take-away.** Noise makes a hard threshold soft: it turns "never" into "sometimes". Keep the picture in
# > mind. [Notebook 01](01_surrogate_gradients.ipynb) needs a slope where the neuron has a step.

# %% [markdown]
# ## Two faults to know
#
# Both stand in the hand-written neuron of snnTorch's tutorial 6, from which this course takes its network. (The network
# itself uses the library's `Leaky`, which has neither.) You will meet them in other code.
#
# ### Spot the fault
#
# > **Predict.** Read the three lines. What does the neuron do while it is silent?


# %%
def faulty_step(cur, mem, beta, threshold=1.0):
    spk = float(mem > threshold)
    reset = spk - threshold
    mem = beta * mem + cur - reset
    return spk, mem


# %%
spk_right, mem_right = run([0.05] * 200, beta=0.9)
spk_wrong, mem_wrong = run([0.05] * 200, step=faulty_step, beta=0.9)

fig, ax = plt.subplots(figsize=(8, 3.2), layout="constrained")
splt.trace(mem_right[:60], threshold=1.0, ax=ax, label="right, no spikes")
splt.trace(mem_wrong[:60], spk_wrong[:60], ax=ax, label="faulty")
splt.show(
    "The correct neuron levels off below threshold; the faulty one jumps from the start and spikes."
)
print(f"spikes in 200 steps: right {int(spk_right.sum())}, faulty {int(spk_wrong.sum())}")

# %% [markdown]
# The current is half the rheobase. The right neuron levels off at 0.5; the faulty one fires at nine of ten steps.

# %%
assert spk_right.sum() == 0 and spk_wrong.sum() == 181
assert math.isclose(mem_right[-1], 0.5, rel_tol=1e-6)
spk_alone, _ = run([0.0] * 200, step=faulty_step, beta=0.9)
print(f"without any input: {int(spk_alone.sum())} spikes")
assert spk_alone.sum() > 150

# %% [markdown]
# > **Exercise 4: spot the fault.** Copy the lines and mend them. A silent neuron shall stay silent, and a spike
# > shall cost one threshold. One line is enough.


# %% tags=["exercise"]
def my_mended_step(cur, mem, beta, threshold=1.0):
    # Yours to edit.
    ...


# %%
exercises.check("00-spot-reset", my_mended_step)

# %% [markdown]
# <details><summary>Hint</summary>
#
# What is `spk - threshold` for a silent neuron? What is it after a spike?
#
# </details>
#
# <details><summary>Solution</summary>
#
# `reset = spk - threshold` is $0 - 1 = -1$ for a silent neuron, and minus $-1$ *adds* a threshold at each
# silent step. After a spike it is $1 - 1 = 0$: nothing is taken away. The rule is upside down. It fires 181 times
# in 200 steps instead of never, and it does so even without input. The product was meant, not the difference.
#
# ```python
# def mended_step(cur, mem, beta, threshold=1.0):
#     spk = float(mem > threshold)
#     reset = spk * threshold
#     mem = beta * mem + cur - reset
#     return spk, mem
# ```
#
# </details>
#
# > **Take-away.** Test a neuron with no input. It must stay silent.
#
# ### Old or updated membrane
#
# With that line mended, one difference from `leaky_step` is left: the spike is taken from the *old* membrane,
# before the input of this step arrives.


# %%
def old_membrane_step(cur, mem, beta, threshold=1.0):
    spk = float(mem > threshold)  # the membrane of the step before
    reset = spk * threshold
    mem = beta * mem + cur - reset
    return spk, mem


# %% [markdown]
# > **Predict.** Same current into both neurons. Do the membranes differ? Do the spikes?

# %%
spk_new, mem_new = run(current.tolist(), beta=0.8)
spk_old, mem_old = run(current.tolist(), step=old_membrane_step, beta=0.8)
same = torch.allclose(mem_new, mem_old, rtol=0, atol=1e-5)
print(f"same membranes: {same}")
print(f"same spikes: {torch.equal(spk_new, spk_old)}")
print(f"same spikes, one step later: {torch.equal(spk_new[:-1], spk_old[1:])}")
assert same and not torch.equal(spk_new, spk_old)
assert torch.equal(spk_new[:-1], spk_old[1:]) and spk_old[0] == 0

# %% [markdown]
# <details><summary>Answer</summary>
#
# The membranes are equal. The spikes are equal too, but come one step late, and the last is lost.
#
# </details>
#
# One step seems harmless. But it is one step per layer. Send a pulse through a chain of three neurons:

# %%
for name, step in [("updated", leaky_step), ("old", old_membrane_step)]:
    signal, arrival = [2.5] + [0.0] * 5, []
    for _ in range(3):
        spk, _ = run(signal, step=step, beta=0.5)
        arrival.append(spk.tolist().index(1.0))
        signal = (2.5 * spk).tolist()  # weight 2.5 to the next neuron
    print(f"{name:>7} membrane: the three neurons fire first at steps {arrival}")
    assert arrival == ([0, 0, 0] if step is leaky_step else [1, 2, 3])

# %% [markdown]
# > **Take-away.** Both orders are neurons. Mixing them shifts spikes by one step per layer. This course has one
# > order everywhere: update first, then fire.

# %% [markdown]
# ## A population
#
# `beta` may be one number per neuron. Here are 50 neurons from forgetful ($\beta = 0.70$) to
# faithful ($\beta = 0.99$), all with the same constant current of 0.2. A **raster** shows one row per neuron
# and one stroke per spike.
#
# > **Predict.** Which neurons stay silent? You can tell from [the rheobase](#eq:00-rheobase).

# %%
betas = torch.linspace(0.70, 0.99, 50)
spk_rec, _ = simulate(snn.Leaky(beta=betas), torch.full((100, 1, 50), 0.2))
spk_rec = spk_rec[:, 0]  # the only sample of the batch: [T, 50]

fig, (ax, side) = plt.subplots(
    1, 2, figsize=(9, 4), width_ratios=[4, 1], sharey=True, layout="constrained"
)
splt.raster(spk_rec, ax=ax)
limit = r"$(1-\beta)\,\theta = I$"
ax.axhline(16.5, color=style.VERMILION, linestyle="--", gid=limit)
style.note(ax, 1, 17.2, limit, color=style.VERMILION)
ax.set_ylabel(r"Neuron ($\beta$ from 0.70 up to 0.99)")
side.barh(range(50), spk_rec.sum(0), color=style.BLUE)
style.dress(side, "Spikes in 100 steps")
splt.show(
    "Raster with counts at its side: above the dashed line spikes get denser, and the first "
    "comes earlier."
)

# %% [markdown]
# Rows below the line are empty. Above it, each row has a rhythm of its own: the more faithful, the faster and the earlier.

# %%
silent = spk_rec.sum(0) == 0
assert torch.equal(silent, (1 - betas) > 0.2) and silent.sum() == 17  # beta below 0.8
first = spk_rec[:, ~silent].argmax(0)
assert (first.diff() <= 0).all() and first[0] > first[-1]

# %% [markdown]
# <details><summary>Answer</summary>
#
# Those with $(1-\beta) > 0.2$, that is $\beta < 0.8$: the first 17.
#
# </details>
#
# > **Try it.** Give each neuron noise of its own: replace the current by
# > `0.2 + 0.15 * torch.randn(100, 1, 50)`. The line is no border any more.

# %% [markdown]
# ## From an image to input
#
# A spiking network lives in time, an image does not. Somebody has to decide what goes in at each step. We take
# one of the digits that come with scikit-learn, resized to 28 by 28 pixels, with brightness $x$ in [0, 1].

# %%
digits = data.load("digits", verbose=False)
images, targets = digits.test.tensors
image = images[targets == 3][:1]  # the first 3, as a batch of one
assert image.shape == (1, 1, 28, 28) and 0 <= image.min() and image.max() <= 1

# %% [markdown]
# Three answers, for $T = 50$ steps:
#
# - **Constant current**: the image itself, the same at every step, $I[t] = x$. No spikes go in. Tutorial 6 does this
#   without naming it, and so does the rest of this course.
# - **Rate**: at each step a pixel spikes with probability $x$. Bright pixels spike often.
# - **Latency**: each pixel spikes once, at step $(1-x)(T-1)$, rounded. Bright pixels spike early. (Pixels darker than
#   0.01 never spike.)

# %%
num_steps = 50
inputs = {
    "constant current": image.expand(num_steps, *image.shape),
    "rate": rate_encode(image, num_steps, torch.Generator().manual_seed(0)),
    "latency": latency_encode(image, num_steps),
}
print({name: list(values.shape) for name, values in inputs.items()})
assert {values.shape for values in inputs.values()} == {(50, 1, 1, 28, 28)}

# %%
widths = {"width_ratios": [1, 1.6, 1.6, 1.6]}
fig, axes = plt.subplots(1, 4, figsize=(9, 2.9), gridspec_kw=widths, layout="constrained")
look = {"cmap": "gray", "vmin": 0, "vmax": 1, "interpolation": "none"}
axes[0].imshow(image[0, 0], **look)
axes[0].axhspan(13.5, 14.5, facecolor="none", edgecolor=style.ORANGE, linewidth=2)
axes[0].set(title="digit", xlabel="Column", ylabel="Row")
for ax, (name, values) in zip(axes[1:], inputs.items(), strict=True):
    ax.imshow(values[:, 0, 0, 14].T, aspect="auto", **look)
    ax.set(title=name, xlabel="Time step")
axes[1].set_ylabel("Column of the marked row")
splt.show(
    "A handwritten digit with its middle row marked, and that row over time in three encodings."
)

# %% [markdown]
# The stripes hold the gray value at every step. The dots of the rate code hold it in their density, those of the
# latency code in their position.
#
# > **Predict.** Somebody only counts: the sum over time, and no more. What is left of the image in each encoding?

# %%
views = {
    "constant current, mean": inputs["constant current"].mean(0),
    "rate, mean of 10 steps": inputs["rate"][:10].mean(0),
    "rate, mean of 50 steps": inputs["rate"].mean(0),
    "latency, sum": inputs["latency"].sum(0),
}
fig, axes = plt.subplots(1, 4, figsize=(9, 2.7), layout="constrained")
for ax, (name, view) in zip(axes, views.items(), strict=True):
    ax.imshow(view[0, 0], cmap="gray", vmin=0, vmax=1)
    ax.set_title(name, fontsize=10)
    ax.set_axis_off()
splt.show("What each encoding leaves of the digit when it is averaged or summed over time.")

# %% [markdown]
# The rate code is the image with grain, which gets finer with time. The latency code has become a silhouette.

# %%
noise = (views["rate, mean of 50 steps"] - image).square().mean().sqrt().item()
expected = (image * (1 - image) / num_steps).mean().sqrt().item()  # variance of a mean of coins
print(f"grain of the rate code after 50 steps: {noise:.4f}, expected {expected:.4f}")
longer = rate_encode(image, 4 * num_steps, torch.Generator().manual_seed(2)).mean(0)
assert abs(noise / expected - 1) < 0.15
assert 0.4 < (longer - image).square().mean().sqrt() / noise < 0.6  # half the grain
assert torch.equal(views["latency, sum"], (image >= 0.01).float())
assert torch.allclose(views["constant current, mean"], image)

# %% [markdown]
# <details><summary>Answer</summary>
#
# Constant current: everything. Rate: the image plus noise, whose standard deviation falls as $1/\sqrt T$: four
# times the steps for half the grain. Latency: only who is there, not how bright. The gray values are all in the
# timing, and a reader that ignores time loses them.
#
# </details>
#
# ### The same neurons, three inputs
#
# Now 40 leaky neurons with random weights look at each input.


# %%
torch.manual_seed(0)
fc = nn.Linear(28 * 28, 40, bias=False)


@torch.no_grad()
def respond(values, gain=1.0):
    """Spikes and membranes, both [T, 40], of 40 neurons that see an encoded image."""
    spk_rec, mem_rec = simulate(snn.Leaky(beta=0.9), gain * fc(values.flatten(2)))
    return spk_rec[:, 0], mem_rec[:, 0]


# %% [markdown]
# > **Predict.** Same weights, same image. Will the three inputs cause about the same number of spikes?

# %%
responses = {name: respond(values)[0] for name, values in inputs.items()}
for name, spk_rec in responses.items():
    events = int((inputs[name] > 0).sum())
    print(f"{name:>16}: {events:6,} nonzero values in, {int(spk_rec.sum()):3} spikes out")

# %% [markdown]
# <details><summary>Answer</summary>
#
# Constant current and rate: about the same. A rate code is, on average, the same current. Latency: none at all.
# Each pixel speaks once in 50 steps instead of at each of them, and the leak forgets what is spread out in time.
#
# </details>

# %%
counts = {name: spk_rec.sum(0) for name, spk_rec in responses.items()}
constant, rate = counts["constant current"], counts["rate"]
assert 0.7 < rate.sum() / constant.sum() < 1.4
assert torch.corrcoef(torch.stack([constant, rate]))[0, 1] > 0.9  # the same neurons fire most
assert counts["latency"].sum() == 0 and respond(inputs["latency"])[1].max() < 0.9

# %% [markdown]
# The neurons are silent, not broken. Sparse input needs larger weights. Training would find them; here we help
# with a factor of 6.

# %%
responses["latency"], _ = respond(inputs["latency"], gain=6.0)
fig, axes = plt.subplots(1, 3, figsize=(9, 3.4), sharey=True, layout="constrained")
for ax, (name, spk_rec) in zip(axes, responses.items(), strict=True):
    splt.raster(spk_rec, ax=ax)
    factor = " (weights x 6)" if name == "latency" else ""
    ax.set_title(f"{name}{factor}: {int(spk_rec.sum())} spikes", fontsize=10)
for ax in axes[1:]:
    ax.set_ylabel("")
splt.show(
    "Rasters for three inputs: regular rows, the same rows irregular, and scattered single spikes."
)

# %% [markdown]
# Left, regular rows: some neurons fire in a steady rhythm, the others silent. Middle, the same rows, with jitter. Right, most neurons
# fire, but only a few times each, when "their" pixels come up.

# %%
latency = responses["latency"].sum(0)
assert latency.sum() > 20 and (latency > 0).sum() > (constant > 0).sum()
assert latency.max() < constant.max() and 5 < (constant > 0).sum() < 35

# %% [markdown]
# ### What you gain and what you lose
#
# Three claims first, each tested: the constant current repeats one and the same computation; a rate code differs
# from run to run; a latency code has at most one event per pixel.

# %%
with torch.no_grad():
    same = fc(inputs["constant current"].flatten(2))
assert torch.allclose(same, same[0], atol=1e-6)  # 50 times the same weighted sum

again = respond(rate_encode(image, num_steps, torch.Generator().manual_seed(1)))[0]
assert not torch.equal(again, responses["rate"])
assert torch.equal(respond(inputs["constant current"])[0], responses["constant current"])

assert inputs["latency"].sum(0).max() == 1
assert inputs["latency"].sum() * 10 < inputs["rate"].sum() < (inputs["constant current"] > 0).sum()

# %% [markdown]
# | | Constant current | Rate | Latency |
# |---|---|---|---|
# | What goes in | gray values, at every step | spikes | spikes |
# | Where the gray value is | in the height | in the number | in the time |
# | Random | no | yes: grain falls as $1/\sqrt T$ | no |
# | Events | every lit pixel at every step | in proportion to brightness and $T$ | at most one per pixel |
# | You gain | exact, simple, short runs suffice | robust: no single spike matters | sparse, so cheap on event-driven hardware |
# | You lose | the first layer multiplies real numbers; time carries nothing | many steps; each run differs | a lost spike is a lost pixel; the dark ones come last |
#
# With a constant current, the first layer of neurons *is* the encoder: it turns gray values into spike
# rates. Its weighted sum never changes, so one computation would do. Tutorial 6 repeats its first
# convolution 50 times per image.
#
# > **Take-away.** An encoding is a choice, and the weights have to fit it. This course takes the constant current:
# > it is exact, and all spikes you will see are made by the network.

# %% [markdown]
# > **Exercise 5: an encoding of your own.** A rate code needs many steps because it throws dice. Do without: write
# > `my_encode(image, num_steps)`, which returns spikes, 0 or 1, of shape `[num_steps, *image.shape]`. After any number
# > of steps, a pixel of brightness $x$ shall have spiked $x$ times that number, give or take one spike.


# %% tags=["exercise"]
def my_encode(image, num_steps):
    # Yours to edit.
    ...


# %%
exercises.check("00-even-encoder", my_encode)

# %% [markdown]
# <details><summary>Hint</summary>
#
# You have seen a neuron whose rate *is* its current: $\beta = 1$, reset by subtraction.
#
# </details>
#
# <details><summary>Solution</summary>
#
# Each pixel drives a neuron that forgets nothing. What is left over after a spike stays in its membrane.
#
# ```python
# def even_encode(image, num_steps):
#     spk_rec, _ = simulate(snn.Leaky(beta=1.0), image.expand(num_steps, *image.shape))
#     return spk_rec
# ```
#
# </details>
#
# How much grain is left, against the rate code?

# %%
encode = exercises.accepted("00-even-encoder", my_encode)
evenly = encode(image, num_steps)
for name, values in [("rate", inputs["rate"]), ("even", evenly)]:
    error = (values.double().mean(0) - image).abs()
    print(f"{name:>4}: mean over {num_steps} steps is off by {error.max():.3f} at most")
assert error.max() < 1.01 / num_steps  # the even one: at most one spike

# %% [markdown]
# Dice are not needed. One spike too few in $T$ steps is an error of at most $1/T$, where the grain of a rate code falls
# as $1/\sqrt T$ only.
#
# ## More to try
#
# > **Try it.** A pixel has brightness 0.5. How many steps does the rate code need until the mean of its spikes
# > has a standard deviation of 0.05?
#
# <details><summary>Answer</summary>
#
# The variance of the mean is $x(1-x)/T = 0.25/T$. It equals $0.05^2$ for $T = 100$.
#
# </details>
#
# > **Try it.** Compare neurons with $\beta = 0.5$ and $\beta = 0.95$ fairly: such that the same
# > `drive` pulls both to the same place. What current does each get? Which one fires first for a `drive` of 2, and why?
#
# <details><summary>Answer</summary>
#
# Give each $I = (1-\beta)\cdot$`drive`: 1.0 and 0.1. Both are pulled to 2. The forgetful neuron fires at step 1, the
# faithful one at step 13: a long memory is also a slow one.
#
# ```python
# for beta in (0.5, 0.95):
#     spk, _ = run([(1 - beta) * 2.0] * 50, beta=beta)
#     print(beta, spk.tolist().index(1.0))
# ```
#
# </details>

# %% tags=["hide-input"]
# The numbers in solutions and answers, checked.
assert round(-2 / math.log(0.5), 2) == 2.89
assert 0.244 < 0.1 / (1 - 0.9**5) < 0.245 and 0.290 < 0.1 / (1 - 0.9**4) < 0.291
for cur in (0.245, 0.27, 0.290):
    spk, _ = run([cur] * 50, beta=0.9, reset="zero")
    assert spk.nonzero().flatten().tolist() == list(range(4, 50, 5))
assert abs(math.sqrt(0.5 * 0.5 / 100) - 0.05) < 1e-12
spk_short, spk_long = (run([(1 - b) * 2.0] * 50, beta=b)[0].tolist() for b in (0.5, 0.95))
assert (spk_short.index(1.0), spk_long.index(1.0)) == (1, 13)

# %% [markdown]
# ## Summary
#
# - A membrane is a leaky capacitor. Its exact update over one step is $U[t] = \beta U[t-1] + I[t]$ with
#   $\beta = e^{-\Delta t/\tau}$; the current has absorbed $(1-\beta)R$. Euler's $1 - \Delta t/\tau$ is an approximation.
# - Leak, add the input, apply the reset if the step before was a spike ("zero" acts on the old membrane only),
#   compare with the threshold. The membrane you record is the one before the reset.
# - A constant current fires a neuron only above the rheobase $(1-\beta)\theta$; then, with reset to zero, it is a clock
#   whose period you can compute. Noise softens that border.
# - A reset of `spk - threshold` rewards silence. Firing from the old membrane delays spikes by one step per layer.
# - Constant current, rate and latency put the gray value into height, number and time. Weights that suit one may leave
#   the network silent under another.
#
# ## What comes next
#
# You have a neuron that decides by a step. A step has no slope, and learning needs slopes.
# [Notebook 01](01_surrogate_gradients.ipynb) shows how learning fails, and the trick that mends it.
#
# ## Further reading
#
# - L. Lapicque (1907), translated by N. Brunel and M. van Rossum (2007), the first leaky membrane with a threshold:
#   <https://doi.org/10.1007/s00422-007-0189-6>
# - W. Gerstner, W. M. Kistler, R. Naud, L. Paninski (2014), *Neuronal Dynamics*, chapter 1:
#   <https://doi.org/10.1017/CBO9781107447615>
# - J. K. Eshraghian et al. (2023), the discrete neuron and the input encodings as used here:
#   <https://doi.org/10.1109/JPROC.2023.3308088>
# - B. Rueckauer et al. (2017), from ReLU to spike rates: <https://doi.org/10.3389/fnins.2017.00682>
# - T. Gollisch, M. Meister (2008), latencies carry images in a real retina: <https://doi.org/10.1126/science.1149639>
