"""Who fires first?"""


import torch

from tutorial_lib import functional as SF

from ..exercise import Exercise, Function, Wrong, edit
from ._records import integers, mismatch, random_spikes, spikes

exercise = Exercise(__name__,
    "Decode by the first spike, and tell silence and ties from class 0.",
    shows="Read a latency code, and handle neurons that never fire.", kind="function")


@exercise.reference
def solved_decoder(spk_rec):
    fired = (spk_rec > 0).any(-1)  # [T, B]: does anyone fire at this step?
    first = spk_rec[fired.int().argmax(0), torch.arange(spk_rec.shape[1])]  # [B, C]
    return torch.where(first.sum(-1) == 1, first.argmax(-1), -1)


CASES = (
    (spikes("000", "000", "000", "010", "100", "100"),
        "Is it the first spike that decides, or the number of them, or the last?"),
    (spikes("000", "000", "000", "010"),
        "Does a silent neuron count as one that fires at the last step?"),
    (spikes("000", "000", "000", "000"), "Nobody fires: which answer says that nothing was said?"),
    (spikes("000", "101", "100", "000"), "Two are first at once: which answer says so?"),
    (random_spikes(0.05), "Is each image decoded for itself?"),
)


@exercise.judge
def judge(decode: Function) -> str:
    for spk_rec, asked in CASES:
        got, wanted = (
            integers(function(spk_rec.clone()), spk_rec.shape[1], "classes")
            for function in (decode, solved_decoder))
        if found := mismatch(spk_rec, got, wanted):
            image, where = found
            raise Wrong(f"{where}. Your answer is {got[image]}; expected {wanted[image]}.", asked)
    return "Silence and level classes get -1, not class 0. Now compare this code with the count."


@exercise.right("image by image")
def by_image(spk_rec):
    answers = []
    for image in spk_rec.unbind(1):
        who = next((spk.nonzero().flatten().tolist() for spk in image if spk.any()), [])
        answers.append(who[0] if len(who) == 1 else -1)
    return torch.tensor(answers, dtype=torch.int32)


@exercise.right("by weights")
def by_weights(spk_rec):  # an early spike weighs more than all later ones together
    weights = torch.arange(len(spk_rec), 0, -1, dtype=torch.float64)[:, None, None]
    value = (spk_rec.double() * weights).amax(0)
    best = value.amax(-1, keepdim=True)
    unique = ((value == best).sum(-1) == 1) & (best.squeeze(-1) > 0)
    return value.argmax(-1).masked_fill_(~unique, -1)


DECIDE = "torch.where(first.sum(-1) == 1, first.argmax(-1), -1)"
exercise.wrong("The count is the only code.", SF.predict_rate, told="or the number of them")
exercise.wrong("Silence is early: argmax of no spikes is 0.",
    lambda spk_rec: spk_rec.argmax(0).argmin(-1),
    asks="That class never fires: at which step does it, for your code?")
exercise.wrong("No answer is class 0.", edit("first.sum(-1) == 1", "first.sum(-1) <= 1"),
    told="that nothing was said")
exercise.wrong("There are no ties.", edit("first.sum(-1) == 1", "first.sum(-1) > 0"),
    told="Two are first at once")
exercise.wrong("The step is the answer.", edit(DECIDE, "fired.int().argmax(0)"),
    asks="Is that a step, where the class is asked for?")
exercise.wrong("Who matters is there at once.", edit("fired.int()", "0 * fired.int()"),
    asks="Somebody does fire alone here: how far along the run do you look?")
exercise.wrong("An answer is a column.", edit(DECIDE, f"{DECIDE}.unsqueeze(-1)"),
    told="axis too many")
exercise.wrong("One image needs no axis.", edit(DECIDE, f"{DECIDE}.squeeze()"),
    told="Where did its axis go")
exercise.wrong("A batch has one answer.", edit(DECIDE, f"int({DECIDE}[0])"),
    told="one number for each image")
exercise.wrong("Any negative number is no answer.",
    edit("first.argmax(-1), -1", "first.argmax(-1), -2"),
    asks="Which number should say that there is no answer?")


@exercise.wrong("Silence fires at the last step.", told="fires at the last step")
def silence_is_late(spk_rec):
    time = SF.first_spike_time(spk_rec)
    unique = (time == time.amin(-1, keepdim=True)).sum(-1) == 1
    return torch.where(unique, time.argmin(-1), -1)
