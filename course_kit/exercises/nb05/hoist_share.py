"""What share of the work does it save to run the first convolution once?"""

import torch

from ..exercise import Exercise, Wrong
from ..values import is_near, show

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
    if is_near(share, solved_share, 0.051 / solved_share):
        return (f"Per step {FIRST:,} + {SECOND:,} + {LAST:,}, and 49 times the first is saved: "
            f"{solved_share:.1f}%. If only multiplications took time, a forward pass could become "
            f"{100 / (100 - solved_share):.2f} times as fast, no more. Next comes conv2.")
    more = "less" if share < solved_share else "more"
    raise Wrong(f"You say {show(share)}%, which is {more} than the share that counting gives.",
        "Which layer multiplies how often for one image?")


exercise.right("an integer", torch.tensor(12))
exercise.right("two decimals", 11.99)
exercise.right("one decimal", 12.0)

POOLED = FIRST / 4 + SECOND / 4 + LAST  # if a convolution ran on the size after its pooling

exercise.wrong("What it saves is what matters.", 98,
    asks="That is its own share: what do the other layers cost?")
exercise.wrong("Once is never.", 100 * FIRST / ALL,
    asks="It still has to run once: which share of its runs is saved?")
exercise.wrong("Layers cost alike.", 98 / 3, asks="Does one of three layers cost a third?")
exercise.wrong("Few weights are little work.", 98 * 312 / 29_826,
    asks="Those are parameters: at how many places is each filter used?")
exercise.wrong("A layer works on its output.", 98 * FIRST / 4 / POOLED,
    asks="A convolution runs before its pooling: on which size?")
exercise.wrong("A filter is 5 by 5.", 98 * FIRST / (FIRST + SECOND / 12 + LAST),
    asks="How many input channels does a filter of the second convolution look at?")
exercise.wrong("Only convolutions count.", 98 * FIRST / (FIRST + SECOND),
    asks="Where is the fully connected layer?")
exercise.wrong("A share is below 1.", 0.98 * FIRST / ALL,
    asks="That is a share of one: how many percent is it?")
exercise.wrong("The others are the whole.", 100 * FIRST / (SECOND + LAST),
    asks="A share of all, or of the rest?")
exercise.wrong("What is left is the whole.", 98 * FIRST / (ALL - 0.98 * FIRST),
    asks="A share of what it was, or of what is left?")
exercise.wrong("Saved is what remains.", 100 - 98 * FIRST / ALL,
    asks="That is what remains: which share is saved?")
exercise.wrong("A pass is a training step.", 98 * 2 * FIRST / (2 * FIRST + 3 * (SECOND + LAST)),
    asks="That counts a training step: what does the forward pass alone cost?")
exercise.wrong("The second decimal is cut off.", 11.9,
    asks="Is that cut off after one decimal? Round it.")
exercise.wrong("One run in fifty is the share.", 2.0,
    asks="One run of fifty is left, of one layer: what share of all is saved?")
exercise.wrong("It must be a lot.", 50, told="Which layer multiplies how often")
