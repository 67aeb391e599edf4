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
# [Open in Colab](https://colab.research.google.com/github/OWNER/snn-course/blob/main/notebooks/00_spiking_neuron.ipynb) (leads nowhere yet: this copy of the course has no address)
#
# **You will**
#
# - go from an electrical circuit to one line of code, and know where `beta` comes from;
# - add a threshold and a reset, and test that the course's library agrees with you;
# - predict when a neuron fires, then add noise and see what is left of the formula;
# - find a fault in published code for this neuron, and tell it from a convention;
# - turn an image into input in three ways, and measure what each one gains and loses.
#
# This course starts from [tutorial 6](https://snntorch.readthedocs.io/en/latest/tutorials/tutorial_6.html) of snnTorch, a
# PyTorch library. The tutorial trains a small convolutional spiking network to read digits.
#
# **You need** Python and PyTorch tensors. No neuroscience is assumed, and nothing is trained here.
#
# **Time**: about an hour and a half to read and try, half a minute to run. A good place to pause is before
# *One fault and one convention*. *If you have time*, at the end, is optional.
#
# > **Note.** An exercise is a task, a cell to edit (it says `# Yours to edit`), and a cell that checks it and tells you
# > what is wrong. Nothing you write is overwritten. Skip what you like: where the notebook needs your function and it
# > does not pass, a reference takes its place, and a line says so.
# >
# > Folded cells hold the code of long figures, and checks of the numbers in the text. After you change a value, or with
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
import math

import matplotlib.pyplot as plt
import torch
from torch import nn

import tutorial_lib as snn
from course_kit import exercises, explorers, figures
from tutorial_lib import data
from tutorial_lib import plotting as splt
from tutorial_lib.encoding import latency_encode, rate_encode
from tutorial_lib.plotting import style

# %% [markdown]
# ## A membrane that leaks
#
# A neuron is a bag of salt water in salt water. Its skin, the membrane, keeps charges apart: a **capacitor** $C$. Its
# pores let charge leak back: a **resistor** $R_m$. A current $I_\mathrm{in}$ that flows in either charges the one or
# leaks out through the other:
#
# $$ I_\mathrm{in} = C\,\frac{\mathrm dU}{\mathrm dt} + \frac{U}{R_m} $$
#
# $U$ is the **membrane potential**, measured from its value at rest. Multiply by $R_m$ and write $\tau = R_m C$:
#
# $$ \tau\,\frac{\mathrm dU}{\mathrm dt} = -U + R_m I_\mathrm{in} $$ (eq:00-membrane)
#
# $\tau$ is the **membrane time constant**. Values of the right size for a nerve cell:

# %%
R_m, C = 100.0, 0.2  # megaohm, nanofarad
I_in = 0.25  # nanoampere
tau = R_m * C  # megaohm times nanofarad: milliseconds
print(f"tau = {tau:.0f} ms, and R_m I_in = {R_m * I_in:.0f} mV")

# %% [markdown]
# For a constant current, $U$ moves from where it is, $U_0$, to where the current pulls it, $R_m I_\mathrm{in}$, and the
# distance shrinks exponentially:
#
# $$ U(t) = R_m I_\mathrm{in} + (U_0 - R_m I_\mathrm{in})\,e^{-t/\tau} $$ (eq:00-solution)
#
# Let PyTorch put this into [the equation](#eq:00-membrane). What is left over must be zero, up to rounding.

# %%
def solution(t, start, drive):
    """U (mV) at time t (ms), from start, for a constant drive R_m I_in."""
    return drive + (start - drive) * torch.exp(-t / tau)


t = torch.linspace(0, 100, 501, dtype=torch.float64, requires_grad=True)
U = solution(t, start=0.0, drive=R_m * I_in)
(dU_dt,) = torch.autograd.grad(U.sum(), t)
left_over = tau * dU_dt - (-U + R_m * I_in)
print(f"left over: {left_over.abs().max():.0e} mV at most")

# %% [markdown]
# > **Predict.** The current is on for 100 ms, then off. What share of 25 mV does $U$ reach in the first
# > 20 ms, that is in one $\tau$? And what share is left one $\tau$ after the current stops?

# %% tags=["hide-input", "hide-output"] jupyter={"source_hidden": true} cellView="form"
#@title Code of the figure
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
figures.show("The membrane while the current is on and after it; a dot one tau after each change.")

# %% [markdown]
# <details><summary>Answer</summary>
#
# After one $\tau$ the membrane has covered $1 - 1/e$, or 63 %, of its way: the rise flattens as more and more charge
# leaks out. The fall has the same shape: after one $\tau$, $1/e$, or 37 %, is left. After five, the membrane is within
# 1 % of its goal.
#
# </details>

# %% tags=["claims", "hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Checked here
assert math.isclose(tau, 20) and math.isclose(R_m * I_in, 25)
assert left_over.abs().max() < 1e-10
assert abs(rise[one_tau] / 25 - 0.63) < 0.01  # 1 - 1/e
assert abs(fall[one_tau] / rise[-1] - 0.37) < 0.01  # 1/e
assert 0.99 * 25 < rise[-1] < 25  # after five time constants

# %% [markdown]
# ### From a curve to steps: `beta`
#
# A network is computed in steps of length $\Delta t$. Hold the current constant during a step, and
# put $t = \Delta t$ and $U_0 = U[t-1]$ into [the solution](#eq:00-solution). From now on $t$ in square brackets counts
# steps. With the short name
#
# $$ \beta = e^{-\Delta t/\tau} $$ (eq:00-beta)
#
# it reads
#
# $$ U[t] = \beta\,U[t-1] + (1 - \beta)\,R_m I_\mathrm{in}[t] $$ (eq:00-step)
#
# $\beta$ is the share of the membrane potential that is left after one step. How long may a step be? Let us compare
# with the exact curve.

# %%
def decay_step(mem, drive, beta):
    return beta * mem + (1 - beta) * drive


for dt in (0.2, 2, 20):  # ms
    beta, mem, error = math.exp(-dt / tau), 0.0, 0.0
    for n in range(1, round(100 / dt) + 1):
        mem = decay_step(mem, R_m * I_in, beta)
        exact = R_m * I_in * (1 - math.exp(-n * dt / tau))
        error = max(error, abs(mem - exact))
    print(f"dt = {dt:4.1f} ms, beta = {beta:.3f}: off by {error:.0e} mV")

# %% [markdown]
# > **Take-away.** $\beta = e^{-\Delta t/\tau}$ is exact for steps of any length, as long as the current is constant
# > within each.

# %% tags=["claims", "hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Checked here
def largest_error(dt):
    grid, mem, off = torch.arange(dt, 100.1, dt, dtype=torch.float64), 0.0, 0.0
    for value in solution(grid, 0.0, R_m * I_in).tolist():
        mem = decay_step(mem, R_m * I_in, math.exp(-dt / tau))
        off = max(off, abs(mem - value))
    return off


assert max(map(largest_error, (0.2, 2, 20))) < 1e-10

# %% [markdown]
# > **Exercise 1: from steps to milliseconds.** A neuron has `beta = 0.5` and takes steps of 2 ms. What is its
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
# solved_tau = -2 / math.log(0.5)
# ```
#
# </details>
#
# ### Units of the threshold
#
# A network has no use for volts and amperes. The membrane is measured in units of the firing threshold, which comes in
# the next section. Multiply the current by the factor $(1-\beta)R_m$, divide by the threshold, and you have the input
# of the course's neuron,
#
# $$ I[t] = (1 - \beta)\,R_m\,I_\mathrm{in}[t] \;/\; \text{(threshold in mV)} $$
#
# and the update becomes
#
# $$ U[t] = \beta\,U[t-1] + I[t] $$ (eq:00-update)
#
# In a network, $I[t]$ is a weighted sum of inputs, and the learned weights take over the constant factors. Our cell,
# with $\Delta t = 1$ ms and a threshold of 15 mV above rest:

# %%
beta_cell = math.exp(-1 / tau)
cur_cell = (1 - beta_cell) * R_m * I_in / 15
print(f"beta = {beta_cell:.3f}, I[t] = {cur_cell:.3f} thresholds per step")

# %% [markdown]
# > **Note.** There is a price: a constant $I$ now pulls the membrane to $I/(1-\beta)$ (set $U[t] = U[t-1]$ in
# > [the update](#eq:00-update)). Change `beta` with the same weights, and you change not only the memory but also how
# > strongly the input acts.
#
# ## Threshold and reset
#
# When the membrane potential exceeds the **threshold** $\theta$, the neuron sends a **spike**: $S[t] = 1$, else 0. The
# spikes of a real neuron look nearly alike, so a bare 1 is a fair model. `splt.trace` draws the membrane, and a stroke
# at the top for each spike. Steps are counted from 0.
#
# > **Predict.** Here are [the update](#eq:00-update) and a threshold, nothing else. The current is 0.15 at each step
# > and `beta` is 0.9, so the membrane is pulled to $0.15/0.1 = 1.5$. What will the spikes look like?

# %% tags=["hide-output"]
mem, spk_rec, mem_rec = 0.0, [], []
for _ in range(40):
    mem = 0.9 * mem + 0.15  # decay, then add the input
    mem_rec.append(mem)
    spk_rec.append(float(mem > 1.0))  # above threshold?

splt.trace(torch.tensor(mem_rec), torch.tensor(spk_rec), threshold=1.0)
figures.show("A neuron without reset: its membrane and spikes over 40 steps.")

# %% [markdown]
# <details><summary>Answer</summary>
#
# The membrane crosses the threshold once, at step 10, and stays above: a spike at each of the 30 steps that are left.
# Ten times the current crosses at step 0. From step 10 on, both currents give the same spikes: this neuron cannot
# tell them apart.
#
# </details>

# %% tags=["claims", "hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Checked here
assert spk_rec.index(1.0) == 10 and sum(spk_rec) == 30
strong = [1.5 * (1 - 0.9**n) / 0.1 > 1 for n in range(1, 41)]
assert all(strong) and spk_rec[10:] == [1.0] * 30
assert abs(cur_cell / (1 - beta_cell) - 25 / 15) < 1e-12

# %% [markdown]
# A spike must cost something. After it, the membrane is **reset**, usually in one of two ways. With
# $R[t] = S[t-1]$, "did it fire at the step before?":
#
# $$ \text{subtract:}\quad U[t] = \beta\,U[t-1] + I[t] - R[t]\,\theta $$ (eq:00-subtract)
#
# $$ \text{zero:}\quad U[t] = \beta\,(1 - R[t])\,U[t-1] + I[t] $$ (eq:00-zero)
#
# > **Exercise 2: the whole neuron.** Write one step of it, for plain numbers. It fired at the step before if the
# > membrane that you are given exceeds the threshold (to reach it is not enough). "subtract" takes one threshold away,
# > after leak and input. "zero" wipes the old membrane, not the input. "none" does neither. Return two values: the
# > spike, 0 or 1, taken from the *new* membrane, then this membrane, not yet reset for the new spike.

# %% tags=["exercise"]
def my_step(cur, mem, beta, threshold=1.0, reset="subtract"):
    """One step of one neuron; returns its spike S[t] and its membrane U[t]."""
    # Yours to edit: what fired before, the update, the new spike.
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
# Single neurons run on `leaky_step`: your function if it passes, the one from the solution otherwise. `run`
# feeds it one current after the other and keeps what it did.

# %%
leaky_step = exercises.accepted("00-leaky-step", my_step)


def run(current, step=leaky_step, **settings):
    """Feeds currents to one neuron; returns spikes and membranes, both [T]."""
    mem, record = 0.0, []
    for cur in current:
        spk, mem = step(cur, mem, **settings)
        record.append((spk, mem))
    return torch.tensor(record, dtype=torch.float64).unbind(1)

# %% [markdown]
# > **Predict.** One pulse of 2.5 thresholds at step 0, then nothing. `beta` is 0.5. What is $U$ at steps 0
# > and 1, with each reset and with none?

# %% tags=["hide-output"]
for reset in ("none", "zero", "subtract"):
    spk, mem = run([2.5, 0, 0, 0], beta=0.5, reset=reset)
    print(f"{reset:>8}: mem {mem.tolist()}, spk {spk.tolist()}")

# %% [markdown]
# <details><summary>Answer</summary>
#
# At step 0 all three have $U = 2.5$, above threshold. **The reset acts one step after the spike, and the
# membrane you get back is the one before the reset.** So a recorded membrane may exceed the threshold.
#
# At step 1: none, $0.5 \cdot 2.5 = 1.25$, a second spike. Zero: 0, the excess is forgotten. Subtract:
# $0.5 \cdot 2.5 - 1 = 0.25$, part of the excess survives.
#
# </details>
#
# > **Note.** "Subtract" takes away a whole threshold *after* the decay. Other code subtracts in the step of the spike,
# > and the decay acts on the rest: $0.5 \cdot (2.5 - 1) = 0.75$ at step 1. When you compare two libraries, compare this
# > first.

# %% tags=["claims", "hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Checked here
pulse = {how: run([2.5, 0, 0, 0], beta=0.5, reset=how) for how in ("none", "zero", "subtract")}
assert [mem[:2].tolist() for _, mem in pulse.values()] == [[2.5, 1.25], [2.5, 0], [2.5, 0.25]]
assert [spk.sum().item() for spk, _ in pulse.values()] == [2, 1, 1]

# %% [markdown]
# Now the constant current of 0.15 again.

# %%
exercises.predict("00-reset-count")

# %% tags=["hide-output"]
mechanisms = ("none", "zero", "subtract")
runs = [run([0.15] * 100, beta=0.9, reset=reset) for reset in mechanisms]
spk_rec, mem_rec = (torch.stack(records, dim=1) for records in zip(*runs))
counts = [int(n) for n in spk_rec.sum(0)]
titles = [f"{how}: {n} spikes" for how, n in zip(mechanisms, counts)]
fig = plt.figure(figsize=(8, 5), layout="constrained")
splt.traces(mem_rec, spk_rec, (3, 1), titles=titles, threshold=1.0, fig=fig)
figures.show("One constant current and three resets, over 100 steps.")

# %% [markdown]
# <details><summary>Answer</summary>
#
# Reset to zero, by one spike. Both resets turn firing without end into a rhythm. The lowest panel starts lower after
# each spike: "subtract" takes a whole threshold from a membrane that has already decayed, and $0.9 \cdot 1.03 - 1$ is
# below 0. For this weak current it is the harsher reset. For one of 0.5, which throws $U$ well over the threshold as the
# pulse did, it is the milder.
#
# </details>
#
# > **Take-away.** Leak, add the input, apply the reset if the step before was a spike ("zero" acts on the old
# > membrane only), compare with the threshold. Subtract is the default here and in snnTorch.

# %% tags=["claims", "hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Checked here
assert counts == [90, 9, 8] and spk_rec.argmax(0).tolist() == [10, 10, 10]
excess = 0.9 * mem_rec[10, 2] - 1  # what "subtract" leaves of the first peak, 1.03
assert abs(mem_rec[10, 2] - 1.03) < 0.005 and excess < 0 and mem_rec[11, 2] < mem_rec[11, 1]
by_half = [run([0.5] * 1000, beta=0.9, reset=how)[0].sum() for how in ("zero", "subtract")]
assert by_half[0] < by_half[1]

# %% [markdown]
# ### The library's neuron
#
# `snn.lif_step(cur, mem, beta)` is the same function for tensors of any shape. `snn.Leaky` is a layer around it that knows
# `beta`, the threshold and the reset. You hold the membrane: `init_leaky()` gives the first one, and each call returns
# the next. Records have **time first**: `[T, ...]`.

# %%
def simulate(lif, current):
    """Runs a layer over a current [T, ...]; returns two records [T, ...]."""
    mem, record = lif.init_leaky(), []
    for cur in current:
        spk, mem = lif(cur, mem)
        record.append((spk, mem))
    spk_rec, mem_rec = zip(*record)
    return torch.stack(spk_rec), torch.stack(mem_rec)

# %% [markdown]
# "The same" is a claim. Here is a test, on 500 random currents, for all three resets.

# %%
torch.manual_seed(0)
current = 0.2 + 0.6 * torch.randn(500, dtype=torch.float64)
for how in mechanisms:
    spk, mem = run(current.tolist(), beta=0.8, reset=how)
    lif = snn.Leaky(beta=0.8, reset_mechanism=how)
    spk_lib, mem_lib = simulate(lif, current)
    same, off = torch.equal(spk, spk_lib), (mem - mem_lib).abs().max()
    print(f"{how:>8}: same spikes {same}, membranes off by {off:.0e}")

# %% tags=["claims", "hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Checked here
def agree(how):
    spk, mem = run(current.tolist(), beta=0.8, reset=how)
    spk_lib, mem_lib = simulate(snn.Leaky(beta=0.8, reset_mechanism=how), current)
    assert torch.equal(spk, spk_lib) and 20 < spk.sum() < 480
    return torch.allclose(mem, mem_lib, rtol=0, atol=1e-5)  # a step in single precision passes


assert all(map(agree, mechanisms))
by_library = snn.lif_step(torch.tensor(0.3), torch.tensor(2.0), 0.8)[1].item()
assert math.isclose(by_library, leaky_step(0.3, 2.0, 0.8)[1], rel_tol=1e-6)

# %% [markdown]
# For the next sections we use `snn.Leaky`. It computes many neurons at once, one per entry of the current.
#
# ## Constant current: when does it fire?
#
# Three neurons with $\beta = 0.9$ and $\theta = 1$ get a current of 0.05, 0.09 or 0.12 at each step.
#
# > **Predict.** To which level is each of them pulled? Which of them fire, if you wait long enough?

# %% tags=["hide-output"]
levels = torch.tensor([0.05, 0.09, 0.12])
spk_rec, mem_rec = simulate(snn.Leaky(beta=0.9), levels.expand(100, 3))
titles = [f"I = {level:.2f}" for level in levels.tolist()]
splt.traces(mem_rec, spk_rec, (1, 3), titles=titles, threshold=1.0)
figures.show("Membranes and spikes under three constant currents, 100 steps.")

# %% [markdown]
# <details><summary>Answer</summary>
#
# They are pulled to $I/(1-\beta)$: 0.5, 0.9 and 1.2. Only the last one fires, however long you wait. In the others the
# leak comes to balance the current, and $U$ settles at that level.
#
# </details>
#
# A neuron with $\beta < 1$ fires only if this level is above the threshold, that is
#
# $$ I > (1 - \beta)\,\theta $$ (eq:00-rheobase)
#
# The bound is called the **rheobase**. Here it is 0.1. For our cell it is 15 mV divided by $R_m$: 0.15 nA.
#
# ### How often does it fire?
#
# From rest, $n$ steps of [the update](#eq:00-update) add up to a geometric series:
#
# $$ U = I\,(1 + \beta + \dots + \beta^{n-1}) = I\,\frac{1 - \beta^n}{1 - \beta} $$
#
# The first spike comes at the smallest whole $n$, counted from 1, for which this exceeds $\theta$. Solve for $n$:
#
# $$ n = \left\lfloor \frac{\ln\bigl(1 - (1-\beta)\,\theta / I\bigr)}{\ln\beta} \right\rfloor + 1 $$ (eq:00-period)
#
# <details><summary>In small steps</summary>
#
# $U > \theta$ says $\beta^n < 1 - (1-\beta)\,\theta/I$. Take logarithms: $n \ln\beta < \ln(\dots)$. Dividing by
# $\ln\beta < 0$ turns the inequality round: $n > \ln(\dots)/\ln\beta$. The smallest whole number above a bound is its
# floor plus 1.
#
# </details>
#
# Reset to zero starts the same climb again. So $n$ is also the **period**, from spike to spike, and the firing rate is
# $1/n$ spikes per step. We check it on 60 neurons at once, each with a different current.

# %% tags=["claims", "hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Checked here
assert torch.allclose(mem_rec[-1, :2], levels[:2] / (1 - 0.9), atol=1e-3)  # 0.5 and 0.9
assert spk_rec.sum(0)[:2].tolist() == [0, 0] and spk_rec[:, 2].sum() >= 3
assert math.isclose((1 - beta_cell) / cur_cell * I_in, 15 / R_m) and math.isclose(15 / R_m, 0.15)

# %%
def period_of(cur, beta):
    """Steps from spike to spike: threshold 1, reset to zero, I > 1 - beta."""
    return torch.floor(torch.log(1 - (1 - beta) / cur) / math.log(beta)) + 1


# Double precision, and currents that hit no bound: rounding decides nothing.
beta, num_steps = torch.tensor(0.9, dtype=torch.float64), 1000
currents = torch.linspace(0.013, 1.193, 60, dtype=torch.float64)
lif = snn.Leaky(beta, reset_mechanism="zero")
spk_zero, _ = simulate(lif, currents.expand(num_steps, -1))

# %%
fires = currents > (1 - beta)  # above the rheobase
period = period_of(currents[fires], beta)
first = spk_zero[:, fires].argmax(0) + 1  # 1 is the first step here
count = spk_zero[:, fires].sum(0)
print("others stay silent:", bool((spk_zero[:, ~fires] == 0).all()))
print("first spikes as predicted:", torch.equal(first, period.long()))
print("spike counts as predicted:", torch.equal(count, num_steps // period))

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
# solved_current = 0.27
# ```
#
# </details>
#
# For "subtract" each climb starts elsewhere. But there is a balance sheet. Average [its update](#eq:00-subtract)
# over many steps. If $U$
# does not keep growing, its mean is the same on both sides, and what comes in leaves as leak or as spikes. With the
# rate $r$ and the mean membrane
# $\bar U$,
#
# $$ I = (1-\beta)\,\bar U + r\,\theta $$ (eq:00-balance)
#
# Without leak, $\beta = 1$, the balance says $r = I/\theta$: the rate *is* the current, up to the limit of one spike
# per step. For a negative current it is 0. That is a ReLU with a ceiling.

# %% tags=["claims", "hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Checked here
assert fires.sum() > 50 and spk_zero[:, ~fires].sum() == 0
assert torch.equal(first, period.long()) and torch.equal(count, num_steps // period)
assert 0.244 < 0.1 / (1 - 0.9**5) < 0.245 and 0.290 < 0.1 / (1 - 0.9**4) < 0.291
clocks = [run([level] * 50, beta=0.9, reset="zero")[0] for level in (0.245, 0.27, 0.290)]
assert all(clock.nonzero().flatten().tolist() == list(range(4, 50, 5)) for clock in clocks)

# %%
rates = {}
for b in (1.0, 0.9, 0.5):
    lif = snn.Leaky(torch.tensor(b, dtype=torch.float64))
    spk_rec, mem_rec = simulate(lif, currents.expand(num_steps, -1))
    rates[b] = spk_rec.mean(0)
    balance = (1 - b) * mem_rec.mean(0) + rates[b]
    # From a current of 1 on, beta = 1 keeps growing.
    off = (balance - currents)[currents < 1].abs().max()
    print(f"beta = {b}: the balance is off by {off:.4f} at most")

# %% tags=["hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Code of the figure
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
figures.show("Firing rate against current: left, reset to zero; right, three betas.")

# %% [markdown]
# Left, the dots sit on the prediction: silent up to the rheobase, then in steps, because a period is a whole number.
# Right, without leak the rate is this ReLU, cut off at 1. This is why an ordinary network can be converted into
# a spiking one. A leak lowers the rate, by $(1-\beta)\,\bar U/\theta$ at each current below 1. Up to the rheobase
# nothing is left, and above it the curve climbs in steps.
#
# > **Take-away.** Above the rheobase a constant current makes the neuron fire again and again; up to it, never. With
# > reset to zero it is an exact clock; with "subtract" the intervals may differ by a step.

# %% tags=["claims", "hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Checked here
below_one = currents < 1  # for beta = 1, a stronger current drives U up without end
assert torch.allclose(rates[1.0][below_one], currents[below_one], atol=2 / num_steps)  # r = I
assert run([-0.3] * 50, beta=1.0)[0].sum() == 0  # nothing for a negative current
assert (rates[0.5] <= rates[0.9]).all() and (rates[0.9] <= rates[1.0] + 2 / num_steps).all()
def steady(spikes):
    # Do the intervals differ by a step at most?
    gaps = spikes.nonzero().flatten().diff().tolist()
    return not gaps or max(gaps) - min(gaps) <= 1


def balanced(b):
    lif = snn.Leaky(torch.tensor(b, dtype=torch.float64))
    spk_rec, mem_rec = simulate(lif, currents.expand(num_steps, -1))
    both = (1 - b) * mem_rec.mean(0) + spk_rec.mean(0)
    assert (rates[b].diff() >= 0).all() and torch.equal(rates[b] > 0, currents > 1 - b)
    assert all(map(steady, spk_rec.T))
    if b < 1:  # the leak lowers the rate, and neighboring currents share one: steps
        assert (rates[b] < currents)[below_one].all()
        assert rates[b].unique().numel() < (rates[b] > 0).sum()
    return torch.allclose(both[below_one], currents[below_one], rtol=0, atol=2 / num_steps)


assert all(map(balanced, (1.0, 0.9, 0.5)))

# %% [markdown]
# ## A noisy current
#
# After the first layer of a network, hardly any neuron sees a constant current. Let us add noise:
# $I[t] = \bar I + \sigma\,\xi[t]$, where $\xi[t]$ is a standard normal number, new at each step.
#
# > **Predict.** $\bar I = 0.08$, below the rheobase of 0.1. The noise, of size $\sigma = 0.1$, has mean 0, so it adds
# > nothing on average. Will there be spikes?

# %% tags=["hide-output"]
torch.manual_seed(1)
sigma = torch.tensor([0.0, 0.1])
noisy = 0.08 + sigma * torch.randn(400, 2)
spk_rec, mem_rec = simulate(snn.Leaky(beta=0.9), noisy)
titles = [f"sigma = {s:.1f}" for s in sigma.tolist()]
fig = plt.figure(figsize=(8, 3.6), layout="constrained")
splt.traces(mem_rec, spk_rec, (2, 1), titles=titles, threshold=1.0, fig=fig)
figures.show("One mean current, without noise and with it, over 400 steps.")

# %% [markdown]
# <details><summary>Answer</summary>
#
# Yes, at irregular times. The mean alone does not decide: now and then one large value, or a few close together, lift
# the membrane over the threshold.
#
# </details>
#
# How far does the membrane wander? Each step keeps a share $\beta^2$ of its variance and adds $\sigma^2$. Once it has
# settled, $v = \beta^2 v + \sigma^2$, hence a standard deviation of
#
# $$ \sigma_U = \frac{\sigma}{\sqrt{1 - \beta^2}} $$
#
# which is 0.23 here. Without spikes, the level around which it wanders is $\bar I/(1-\beta) = 0.8$. With spikes,
# [the balance](#eq:00-balance) has a say. We measure both, with the threshold out of reach and at 1.

# %% tags=["claims", "hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Checked here
assert spk_rec[:, 0].sum() == 0 and spk_rec[:, 1].sum() > 0
intervals = spk_rec[:, 1].nonzero().flatten().diff()
assert intervals.max() > 3 * intervals.min()  # no clock any more

# %%
torch.manual_seed(2)
noisy = 0.08 + 0.1 * torch.randn(2000, 100)  # 100 neurons
for threshold in (100.0, 1.0):
    lif = snn.Leaky(beta=0.9, threshold=threshold)
    spk_rec, mem_rec = simulate(lif, noisy)
    mean, rate = mem_rec[100:].mean(), spk_rec[100:].mean()
    print(f"threshold {threshold:5}: mean {mean:.3f}, "
          f"deviation {mem_rec[100:].std():.3f}, spikes per step {rate:.4f}")
print(f"the balance, with that rate: {(0.08 - rate) / 0.1:.3f}")

# %% [markdown]
# Out of reach, both numbers hold. With spikes the mean is much lower, since each of them takes a whole threshold away:
# $\bar U = (\bar I - r\,\theta)/(1-\beta)$.
#
# Now the whole curve, rate against mean current, for three sizes of the noise:

# %% tags=["claims", "hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Checked here
predicted = 0.1 / math.sqrt(1 - 0.9**2)
_, free = simulate(snn.Leaky(beta=0.9, threshold=100.0), noisy)
assert abs(free[100:].std() / predicted - 1) < 0.05 and round(predicted, 2) == 0.23
assert abs(free[100:].mean() - 0.8) < 0.02
assert 0.55 < mean < 0.60 and abs((0.08 - rate) / 0.1 - mean) < 0.01 and 0.02 < rate < 0.025
assert (1 - mean) < 2 * mem_rec[100:].std()

# %% tags=["hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Simulation and code of the figure
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
figures.show("Firing rate against mean current for three sizes of the noise.")

# %% [markdown]
# Without noise the curve has a corner at the rheobase. Noise rounds it off; well above the rheobase it hardly matters.
#
# > **Take-away.** Noise makes a hard threshold soft: it turns "never" into "sometimes".

# %% tags=["claims", "hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Checked here
quiet, some, much = (noisy_rates[s] for s in (0.0, 0.05, 0.15))
assert quiet[8] == 0 < some[8] < much[8]  # mean current 0.08
assert abs(much[-1] / quiet[-1] - 1) < 0.2  # mean current 0.30
assert quiet[:10].sum() == 0 and quiet[11] > 0

# %% [markdown]
# ### The neuron to play with
#
# The explorer offers five currents of the same mean: constant; with noise of standard deviation 0.05 or 0.15; and
# pulses of twice the mean, on for 2 or 10 steps, then off for as long. Below the membrane stand a stroke for each
# spike, and a cross where the reset acts.
#
# > **Try it.** Keep the mean current at 0.08, below the rheobase for `beta` = 0.9. Which currents make
# > the neuron fire? And with `beta` at 0.5? Then go back to 0.9 and set the reset to "none": under
# > which currents, if any, does it stay above the threshold to the end?

# %%
explorers.neuron()

# %% [markdown]
# <details><summary>Answer</summary>
#
# The larger noise does (3 spikes), and the long pulses (3). They bring no more on average, but a good memory adds up
# what comes close together. The short pulses never reach the threshold. The smaller noise would, now and then; in
# these 60 steps it does not. With `beta` at 0.5
# nothing does.
#
# Without a reset it stays above under none of them: the mean current is below the rheobase, so the membrane falls back.
# There are more spikes, though, 13 and 11, since they cost nothing.
#
# </details>

# %% tags=["claims", "hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Checked here
neuron_at = explorers.neuron().compute
kinds = explorers.neuron().controls[0].options
settings = [{"beta": 0.9, "reset": "subtract"}, {"beta": 0.5, "reset": "subtract"}]
settings += [{"beta": 0.9, "reset": "none"}]
fixed = {"level": 0.08, "threshold": 1.0}
fired = [[int(neuron_at(k, **fixed, **s).spk.sum()) for k in kinds] for s in settings]
assert fired == [[0, 0, 3, 0, 3], [0, 0, 0, 0, 0], [0, 0, 13, 0, 11]]
under = {k: neuron_at(k, **fixed, **settings[2]) for k in kinds}
assert [round(under[k].current.std(), 6) for k in kinds[1:3]] == [0.05, 0.15]
assert under[kinds[4]].current[:20].tolist() == [0.16] * 10 + [0] * 10
assert under[kinds[3]].current[:4].tolist() == [0.16] * 2 + [0] * 2
assert all(not view.spk[view.spk.argmax() :].all() for view in under.values())

# %% [markdown]
# ## One fault and one convention
#
# The update of tutorial 6's hand-written neuron (as of snnTorch 1.0.0) has one of each. The tutorial's network uses the
# library's `Leaky`, which has neither. You will meet them in other code.
#
# ### Spot the fault
#
# > **Predict.** Read `faulty_step` below. What does this neuron do under a current of
# > 0.05, half the rheobase for `beta` = 0.9?

# %%
def faulty_step(cur, mem, beta, threshold=1.0):
    spk = float(mem > threshold)
    reset = spk - threshold
    mem = beta * mem + cur - reset
    return spk, mem

# %% tags=["hide-output"]
_, mem_right = run([0.05] * 60, beta=0.9)
spk_faulty, mem_faulty = run([0.05] * 60, step=faulty_step, beta=0.9)
ax = splt.trace(mem_right, threshold=1.0, label="leaky_step")
splt.trace(mem_faulty, spk_faulty, ax=ax, label="faulty_step")
figures.show("Your neuron and the published lines under the same weak current.")

# %% [markdown]
# <details><summary>Answer</summary>
#
# Your neuron levels off at 0.5, as it should. The published one fires at nine of ten steps, and without any
# input still at more than eight of ten.
#
# </details>

# %% tags=["claims", "hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Checked here
long_run = run([0.05] * 200, beta=0.9)
assert long_run[0].sum() == 0 and math.isclose(long_run[1][-1], 0.5, rel_tol=1e-6)
at_fault = [run([i] * 200, step=faulty_step, beta=0.9)[0].sum() for i in (0.05, 0.0)]
assert at_fault[0] == 181 and 0.8 * 200 < at_fault[1] < at_fault[0]

# %% [markdown]
# > **Exercise 4: spot the fault.** Copy the lines and fix them. Without input, a neuron at rest should stay silent. A
# > spike should cost one threshold, whatever the value of `threshold`, taken off after the leak and one step after the
# > crossing, as in [the reset by subtraction](#eq:00-subtract). To change one line is enough. Return the spike, then
# > the membrane. (The spike may come from the old membrane, as here, or from the updated one.)

# %% tags=["exercise"]
def my_fixed_step(cur, mem, beta, threshold=1.0):
    # Yours to edit.
    ...

# %%
exercises.check("00-spot-reset", my_fixed_step)

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
# silent step. After a spike it is $1 - 1 = 0$: nothing is taken away. The product was meant, not the difference.
#
# ```python
# def fixed_step(cur, mem, beta, threshold=1.0):
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
# With that line fixed, one difference from `leaky_step` is left: the spike is taken from the *old* membrane,
# before the input of this step arrives. That is no fault, but another convention. The next cell folds it away as
# `old_membrane_step`. What does it
# change?

# %% tags=["hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title The repaired lines: old_membrane_step
def old_membrane_step(cur, mem, beta, threshold=1.0):
    spk = float(mem > threshold)  # the membrane of the step before
    reset = spk * threshold
    mem = beta * mem + cur - reset
    return spk, mem

# %%
spk_new, mem_new = run(current.tolist(), beta=0.8)
spk_old, mem_old = run(current.tolist(), step=old_membrane_step, beta=0.8)
print("same membranes:", torch.allclose(mem_new, mem_old, rtol=0, atol=1e-5))
print("same spikes:", torch.equal(spk_new, spk_old))
print("one step later:", torch.equal(spk_new[:-1], spk_old[1:]))

# %% [markdown]
# The membranes are equal, and so are the spikes, one step late. But the delays add up. Send a pulse through a
# chain of three neurons, each connected to the next with a weight of 2.5:

# %%
for name, step in [("updated", leaky_step), ("old", old_membrane_step)]:
    signal, arrival = [2.5] + [0.0] * 5, []
    for _ in range(3):
        spk, _ = run(signal, step=step, beta=0.5)
        arrival.append(spk.tolist().index(1.0))
        signal = (2.5 * spk).tolist()
    print(f"{name:>7} membrane: first spikes at steps {arrival}")

# %% [markdown]
# > **Take-away.** To fire from the old membrane is no fault, but do not compare spike times across the two conventions.
# > This course has one order everywhere: update first, then fire.

# %% tags=["claims", "hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Checked here
assert torch.allclose(mem_new, mem_old, rtol=0, atol=1e-5) and not torch.equal(spk_new, spk_old)
assert torch.equal(spk_new[:-1], spk_old[1:]) and spk_old[0] == 0
assert spk_new.sum() == spk_old.sum() > 50
def arrivals(step, signal):
    for _ in range(3):
        spk, _ = run(signal, step=step, beta=0.5)
        yield spk.tolist().index(1.0)
        signal = (2.5 * spk).tolist()


assert list(arrivals(old_membrane_step, [2.5] + [0.0] * 5)) == [1, 2, 3] == arrival
assert list(arrivals(leaky_step, [2.5] + [0.0] * 5)) == [0, 0, 0]

# %% [markdown]
# ## From an image to input
#
# A spiking network lives in time, an image does not. What goes in at each step? We take one of the digits that come
# with scikit-learn, resized to 28 by 28 pixels, with brightness $p$ from 0 to 1, and three answers for $T = 50$ steps:
#
# - **Constant current**: the image itself, $p$ at every step. Tutorial 6 does this without
#   saying so, and notebooks 01 to 05 do it too.
# - **Rate**: at each step a pixel spikes with probability $p$. Bright pixels spike often.
# - **Latency**: each pixel spikes once, at step $(1-p)(T-1)$, rounded. Bright pixels spike early. (Pixels darker than
#   0.01 never spike.)

# %%
digits = data.load("digits", verbose=False)
images, targets = digits.test.tensors
# The first image of the digit 3, as a batch of one:
image = images[targets == 3][:1]

num_steps, dice = 50, torch.Generator().manual_seed(0)
inputs = {
    "constant current": image.expand(num_steps, *image.shape),
    "rate": rate_encode(image, num_steps, dice),
    "latency": latency_encode(image, num_steps),
}
print({name: list(values.shape) for name, values in inputs.items()})

# %% tags=["hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Code of the figure
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
figures.show("A handwritten digit with a row marked, and that row over time in three encodings.")

# %% [markdown]
# > **Predict.** Suppose you look only at the mean or the sum over time. What is left of the image in each encoding?

# %% tags=["hide-output"]
views = {
    "constant current, mean": inputs["constant current"].mean(0),
    "rate, mean of 10 steps": inputs["rate"][:10].mean(0),
    "rate, mean of 50 steps": inputs["rate"].mean(0),
    "latency, sum": inputs["latency"].sum(0),
}
fig, axes = plt.subplots(1, 4, figsize=(9, 2.7), layout="constrained")
for ax, (name, view) in zip(axes, views.items()):
    ax.imshow(view[0, 0], cmap="gray", vmin=0, vmax=1)
    ax.set_title(name, fontsize=10)
figures.show("Each encoding of the digit, averaged or summed over time.")

# %% [markdown]
# <details><summary>Answer</summary>
#
# Constant current: everything. Rate: the image plus grain, whose standard deviation falls as $1/\sqrt T$: four times
# the steps for half the grain. Latency: a silhouette. The gray values are all in the timing, and whoever ignores time
# loses them.
#
# </details>

# %% tags=["claims", "hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Checked here
assert image.shape == (1, 1, 28, 28) and 0 <= image.min() and image.max() <= 1
assert {values.shape for values in inputs.values()} == {(50, 1, 1, 28, 28)}
grain = (views["rate, mean of 50 steps"] - image).square().mean().sqrt().item()
expected = (image * (1 - image) / num_steps).mean().sqrt().item()  # variance of a mean of coins
longer = rate_encode(image, 4 * num_steps, torch.Generator().manual_seed(2)).mean(0)
assert abs(grain / expected - 1) < 0.15
assert 0.4 < (longer - image).square().mean().sqrt() / grain < 0.6  # half the grain
assert torch.equal(views["latency, sum"], (image >= 0.01).float())
assert torch.allclose(views["constant current, mean"], image)
assert inputs["latency"].sum(0).max() == 1

# %% [markdown]
# ### The same neurons, three inputs
#
# Now 40 leaky neurons with random weights look at each input.

# %%
torch.manual_seed(0)
fc = nn.Linear(28 * 28, 40, bias=False)


@torch.no_grad()
def respond(values, beta=0.9, gain=1.0):
    """Spikes [T, 40] of 40 neurons that see an encoded image."""
    spk_rec, _ = simulate(snn.Leaky(beta=beta), gain * fc(values.flatten(2)))
    return spk_rec[:, 0]

# %% [markdown]
# > **Predict.** Same weights, same image. Order the three inputs by the number of spikes that they cause; two may lie
# > close together. How many spikes do you expect from the last?

# %% tags=["hide-output"]
responses = {name: respond(values) for name, values in inputs.items()}
for name, spk_rec in responses.items():
    events, spikes = int((inputs[name] > 0).sum()), int(spk_rec.sum())
    print(f"{name:>16}: {events:6,} nonzero values in, {spikes:3} spikes out")

# %% [markdown]
# <details><summary>Answer</summary>
#
# Constant current and rate lie close together: a rate code is, on average, the same current. Latency: none at all. You may
# blame the leak, which forgets what is spread out in time. But without leak, $\beta = 1$, it is silent too. Each
# pixel spikes once in 50 steps instead of at each of them: there is too little input.
#
# </details>
#
# Sparse input needs larger weights. Training would find them; here we help with a factor of 6. A **raster** shows one
# row per neuron and one stroke per spike:

# %%
responses["latency"] = respond(inputs["latency"], gain=6.0)
fig, axes = plt.subplots(1, 3, figsize=(9, 3.4), layout="constrained")
for ax, (name, spk_rec) in zip(axes, responses.items()):
    splt.raster(spk_rec, ax=ax)
    factor = " (weights x 6)" if name == "latency" else ""
    title = f"{name}{factor}: {int(spk_rec.sum())} spikes"
    ax.set_title(title, fontsize=10)
figures.show("Rasters of 40 neurons for three inputs, with spike counts.")

# %% [markdown]
# Left, some neurons fire in a rhythm, steady to a step; the others are silent. Middle, the same neurons with jitter,
# and four more that fire once: their mean current is below the rheobase, but the noise of the code carries them over.
# Right, most neurons fire, a few times each, when "their" pixels come up.

# %% tags=["claims", "hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Checked here
by_constant, by_rate, by_latency = (x.sum(0) for x in responses.values())
assert 0.7 < by_rate.sum() / by_constant.sum() < 1.4
assert torch.corrcoef(torch.stack([by_constant, by_rate]))[0, 1] > 0.9
for leak in (0.9, 1.0):
    assert respond(inputs["latency"], leak).sum() == 0 < respond(inputs["rate"], leak).sum()
only_rate = (by_rate > 0) & (by_constant == 0)
assert only_rate.sum() == 4 and (by_rate[only_rate] == 1).all()
assert (by_rate[by_constant > 0] > 0).all()
with torch.no_grad():
    weighted = fc(image.flatten(1))[0]
assert torch.equal(by_constant > 0, weighted > 0.1) and (weighted[only_rate] < 0.1).all()
assert all(map(steady, responses["constant current"].T))
assert (by_latency > 0).sum() > 30 and 1 < by_latency.max() <= 4

# %% [markdown]
# ### What you gain and what you lose
#
# | | Constant current | Rate | Latency |
# |---|---|---|---|
# | What goes in | gray values, at every step | spikes | spikes |
# | The gray value is | in the height | in the number | in the time |
# | Random | no | yes | no |
# | Events | every lit pixel at every step | in proportion to brightness and $T$ | at most one per pixel |
# | You gain | exact at every step | robust: no single spike matters | sparse, so cheap on hardware that works only when a spike comes |
# | You lose | the first layer multiplies real numbers | many steps; each run differs | a lost spike is a lost pixel; the dark ones come last |
#
# With a constant current, the first layer of neurons *is* the encoder. Its weighted sum never changes, so one
# computation would do. Tutorial 6 repeats its first convolution 50 times per image.
#
# > **Take-away.** An encoding is a choice, and the weights have to fit it. With the constant current of notebooks 01 to
# > 05, all spikes you will see are made by the network.

# %% tags=["claims", "hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Checked here
with torch.no_grad():
    sums = fc(inputs["constant current"].flatten(2))
assert torch.allclose(sums, sums[0], atol=1e-6)  # 50 times the same weighted sum
again = respond(rate_encode(image, num_steps, torch.Generator().manual_seed(1)))
assert not torch.equal(again, responses["rate"])  # each run differs
assert torch.equal(respond(inputs["constant current"]), responses["constant current"])
by_each = {name: (values > 0).sum() for name, values in inputs.items()}
assert by_each["latency"] * 10 < by_each["rate"] < by_each["constant current"]

# %% [markdown]
# ## If you have time
#
# All of this is optional: the other notebooks do not need it.
#
# > **Exercise 5: an encoding you invent.** A rate code needs many steps because it throws dice. Do without them (the
# > same image gives the same spikes): write `my_encode(image, num_steps)`, which returns spikes, 0 or 1, of shape
# > `[num_steps, *image.shape]`, for an `image` of any shape with brightness from 0 to 1. After any number of steps, a
# > pixel of brightness $p$ should have spiked $p$ times that number, give or take one spike.

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
# Each pixel drives a neuron that forgets nothing.
#
# ```python
# def even_encode(image, num_steps):
#     lif = snn.Leaky(beta=1.0)  # forgets nothing; a spike costs one threshold
#     mem, spk_rec = lif.init_leaky(), []
#     for _ in range(num_steps):
#         spk, mem = lif(image, mem)
#         spk_rec.append(spk)
#     return torch.stack(spk_rec)
# ```
#
# </details>
#
# How far is the mean over time from the brightness, for this code and for the rate code?

# %%
encode = exercises.accepted("00-even-encoder", my_encode)
evenly = encode(image, num_steps)
for name, values in [("rate", inputs["rate"]), ("even", evenly)]:
    error = (values.double().mean(0) - image).abs().max()
    print(f"{name:>4}: off by {error:.3f} at most")

# %% tags=["claims", "hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Checked here
assert error < 1.01 / num_steps  # the even one: at most one spike
assert (inputs["rate"].mean(0) - image).abs().max() > 3 / num_steps

# %% [markdown]
# ### The approximation you meet elsewhere
#
# Many texts derive the update by **forward Euler**: they replace $\mathrm dU/\mathrm dt$ by
# $(U[t] - U[t-1])/\Delta t$ in [the equation](#eq:00-membrane), and $U$ on its right-hand side by $U[t-1]$. This
# gives [the same update](#eq:00-step), with another
# $\beta$, the beginning of the series of $e^{-\Delta t/\tau}$:
#
# $$ \beta_\mathrm{Euler} = 1 - \frac{\Delta t}{\tau} $$
#
# Here it is for $\tau = 20$ ms:

# %% tags=["hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Code of the figure
fig, axes = plt.subplots(1, 3, figsize=(9, 2.8), layout="constrained")
smooth = torch.linspace(0, 250, 501)
euler_rec = {}
for ax, dt in zip(axes, (5, 30, 50), strict=True):
    times = torch.arange(0, 251 if dt > 5 else 51, dt)
    ax.plot(smooth, solution(smooth, 0.0, R_m * I_in), color=style.MUTED, label="exact curve")
    exact, euler = ([0.0], [0.0])
    for _ in times[1:]:
        exact.append(decay_step(exact[-1], R_m * I_in, beta=math.exp(-dt / tau)))
        euler.append(decay_step(euler[-1], R_m * I_in, beta=1 - dt / tau))
    ax.plot(times, exact, "o", color=style.BLUE, label="exact update")
    ax.plot(times, euler, "s--", color=style.VERMILION, linewidth=1, label="Euler")
    euler_rec[dt] = euler
    margin = 0.06 * times[-1]
    ax.set(xlim=(-margin, times[-1] + margin), title=f"$\\Delta t$ = {dt} ms")
    style.dress(ax, "Time (ms)")
fig.supylabel("Membrane potential (mV)", fontsize=style.LABEL_SIZE)
axes[0].legend()
figures.show("The exact update and Euler's beside the exact curve, for three lengths of the step.")

# %% [markdown]
# From left to right, Euler's squares miss the curve a little, swing about it, and run away (mind the scale of the last
# panel). $\beta_\mathrm{Euler}$ is negative as soon as $\Delta t > \tau$, and each step jumps over the goal. Beyond
# $\Delta t = 2\tau$ it is below $-1$, and each jump is larger than the one before.
#
# If you choose $\beta$ by hand or learn it, this does not matter. It does when you translate: $\beta = 0.5$ means
# $\Delta t/\tau = \ln 2$; put that into Euler's formula and you get 0.307, another neuron.

# %% tags=["claims", "hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Checked here
overshoot = [value - 25 for value in euler_rec[30][1:]]
assert all(a * b < 0 for a, b in zip(overshoot, overshoot[1:], strict=False))  # above, below, ...
jumps = torch.tensor(euler_rec[50]).diff().abs()
assert (jumps[1:] > jumps[:-1]).all() and max(map(abs, euler_rec[50])) > 100
assert (1 - 30 / tau, 1 - 50 / tau) == (-0.5, -1.5) and round(1 - math.log(2), 3) == 0.307

# %% [markdown]
# ### More to try
#
# > **Try it.** `beta` may be one number per neuron: `betas = torch.linspace(0.70, 0.99, 50)`. All 50 neurons get a
# > constant current of 0.2 for 100 steps. Which stay silent? Work it out from [the rheobase](#eq:00-rheobase), then
# > draw the raster. What happens if you add noise, `0.15 * torch.randn(100, 50)`?
#
# <details><summary>Answer</summary>
#
# Those with $(1-\beta) > 0.2$, that is $\beta < 0.8$: the first 17. Above that, a longer memory means a first spike at
# least as early, and at least as many spikes. With noise nearly all 50 fire: the border is gone.
#
# ```python
# spk_rec, _ = simulate(snn.Leaky(beta=betas), torch.full((100, 50), 0.2))
# splt.raster(spk_rec)
# figures.show("Fifty neurons, from short memory to long, under one constant current.")
# ```
#
# </details>
#
# > **Try it.** Compare neurons with $\beta = 0.5$ and $\beta = 0.95$ fairly: such that the same
# > `drive` pulls both to the same level. What current does each get? Which one fires first for a `drive` of 2?
#
# <details><summary>Answer</summary>
#
# Give each $I = (1-\beta)\cdot$`drive`: 1.0 and 0.1. The first fires at step 1, the second at step 13: a long memory is
# also a slow one.
#
# </details>

# %% tags=["claims", "hide-input"] jupyter={"source_hidden": true} cellView="form"
#@title Checked here
assert round(-2 / math.log(0.5), 2) == 2.89
spk_short, spk_long = (run([(1 - b) * 2.0] * 50, beta=b)[0].tolist() for b in (0.5, 0.95))
assert (spk_short.index(1.0), spk_long.index(1.0)) == (1, 13)
betas = torch.linspace(0.70, 0.99, 50)
population = simulate(snn.Leaky(beta=betas), torch.full((100, 50), 0.2))[0]
silent = population.sum(0) == 0
assert torch.equal(silent, betas < 0.8) and silent.sum() == 17
assert (population[:, ~silent].argmax(0).diff() <= 0).all()
assert (population[:, ~silent].sum(0).diff() >= 0).all()
for seed in range(10):
    noise = 0.15 * torch.randn(100, 50, generator=torch.Generator().manual_seed(seed))
    assert (simulate(snn.Leaky(beta=betas), 0.2 + noise)[0].sum(0) > 0).sum() >= 47

# %% [markdown]
# ## Summary
#
# - A membrane is a leaky capacitor. Its exact update over one step is $U[t] = \beta U[t-1] + I[t]$ with
#   $\beta = e^{-\Delta t/\tau}$; the current has absorbed $(1-\beta)R_m$.
# - Leak, input, reset, compare with the threshold. The reset belongs to the spike of the step before, so a recorded
#   membrane may exceed the threshold.
# - A constant current fires a neuron only above the rheobase $(1-\beta)\theta$; then, with reset to zero, it is a clock.
#   Noise softens that border, and each spike pulls the mean membrane down.
# - A reset of `spk - threshold` rewards silence. Firing from the old membrane delays spikes by one step per layer.
# - Constant current, rate and latency put the gray value into height, number and time. Latency, the sparse one,
#   needed larger weights.
#
# ## What comes next
#
# You have a neuron that decides by a step. The derivative of a step is of no use for learning.
# [Notebook 01](01_surrogate_gradients.ipynb) shows how learning fails, and the trick that makes it work.
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
