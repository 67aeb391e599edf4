"""What share of the work does it save to run the first convolution once?"""

import torch

from ..exercise import Exercise, Wrong
from ..values import is_near, question_for, show

exercise = Exercise(__name__,
    "What share of all multiplications, in percent, does it save to run conv1 once in 50?",
    shows="Count what a layer costs before making it faster.", kind="number")

solved_share = exercise.reference(
    100 * 49 * 172_800 / (50 * (172_800 + 1_228_800 + 10_240))
)

FIRST, SECOND, LAST = 12 * 24**2 * 25, 64 * 8**2 * 12 * 25, 10 * 1024  # per image and step
ALL = FIRST + SECOND + LAST


@exercise.judge
def judge(share: float) -> str:
    wanted = 100 * 49 * FIRST / (50 * ALL)
    if is_near(share, wanted, 0.051 / wanted):
        return (
            f"Per step {FIRST:,} + {SECOND:,} + {LAST:,}, and 49 times the first is saved: "
            f"{wanted:.1f}%. If only multiplications took time, a forward pass could become "
            f"{100 / (100 - wanted):.2f} times as fast, no more. So look at the second layer next."
        )
    pooled = FIRST / 4, SECOND / 4
    third = "Does one of three layers cost a third?"
    parameters = "Those are parameters: at how many places is each filter used?"
    slips = {
        100 * FIRST / ALL: "It still has to run once: which share of its runs is saved?",
        98.0: "That is its own share: what do the other layers cost?",
        100 / 3: third,
        98 / 3: third,
        100 * 312 / 29_826: parameters,
        98 * 312 / 29_826: parameters,
        98 * FIRST / (FIRST + SECOND): "Where is the fully connected layer?",
        98 * pooled[0] / (sum(pooled) + LAST): (
            "A convolution runs before its pooling: on which size?"
        ),
        98 * FIRST / (FIRST + SECOND / 12 + LAST): (
            "How many input channels does a filter of the second convolution look at?"
        ),
        0.98 * FIRST / ALL: "That is a share of one: how many percent is it?",
        100 * FIRST / (SECOND + LAST): "A share of all, or of the rest?",
        100 * 49 * FIRST / (FIRST + 50 * (SECOND + LAST)): (
            "A share of what it was, or of what is left?"
        ),
        100 - wanted: "That is what remains: which share is saved?",
        98 * 2 * FIRST / (2 * FIRST + 3 * (SECOND + LAST)): (
            "That counts a training step: what does the forward pass alone cost?"
        ),
        11.9: "Is that cut off after one decimal? Round it.",
    }
    otherwise = "Which layer multiplies how often for one image?"
    more = "less" if share < wanted else "more"
    raise Wrong(
        f"You say {show(share)}%, which is {more} than the share that counting gives. "
        + question_for(share, slips, otherwise, relative=5e-3, absolute=0.03)
    )


exercise.right("an integer", torch.tensor(12))
exercise.right("two decimals", 11.99)
exercise.right("one decimal", 12.0)

exercise.wrong("own share", "What it saves is what matters.", 98, told="do the other layers cost")
exercise.wrong("always", "Once is never.", 12.24, told="still has to run once")
exercise.wrong("always, rounded", "Once is never.", 12.2, told="still has to run once")
exercise.wrong("a third", "Layers cost alike.", 33.3, told="cost a third")
exercise.wrong("parameters", "Few weights are little work.", 1.03, told="at how many places")
exercise.wrong("pooled", "A layer works on its output.", 11.74, told="before its pooling")
exercise.wrong("one channel", "A filter is 5 by 5.", 59.33, told="How many input channels")
exercise.wrong("no fc", "Only convolutions count.", 12.08, told="Where is the fully connected")
exercise.wrong("fraction", "A share is below 1.", 0.12, told="how many percent")
exercise.wrong("of the rest", "The others are the whole.", 13.95, told="A share of all, or of the")
exercise.wrong("of what is left", "What is left is all.", 13.63, told="or of what is left")
exercise.wrong("remaining", "Saved is what remains.", 88.0, told="which share is saved")
exercise.wrong("training", "A pass is a training step.", 8.3, told="the forward pass alone")
exercise.wrong("cut off", "The second decimal is cut off.", 11.9, told="Is that cut off")
exercise.wrong("guess", "It must be a lot.", 50, told="Which layer multiplies how often")
