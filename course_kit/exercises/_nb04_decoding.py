"""Notebook 04: decoders, right in several ways and wrong in others."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from tutorial_lib import functional as SF

__all__ = [
    "STOPPERS",
    "decide",
    "decode_first",
    "other_decider",
    "other_decoder",
    "other_stopper",
    "stop_early",
    "wrong_decider",
    "wrong_decoder",
    "wrong_stopper",
]

Decoder = Callable[..., Any]


# Stop as soon as one class leads


def stop_early(spk_rec, lead):  # noqa: ANN001, ANN201
    """The reference: the first step at which one class is ``lead`` spikes ahead, or the last."""
    first, second = spk_rec.cumsum(dim=0).topk(2, dim=-1).values.unbind(-1)
    enough = first - second >= lead
    steps = torch.where(enough.any(0), enough.int().argmax(0) + 1, len(spk_rec))
    seen = torch.arange(len(spk_rec), device=steps.device).unsqueeze(1) < steps  # [T, B]
    return SF.predict_rate(spk_rec * seen.unsqueeze(-1)), steps


def other_stopper(spelling: str) -> Callable[[], Decoder]:
    """Make the maker of another right rule."""

    def by_image(spk_rec: Tensor, lead: int) -> Any:
        answers, steps = [], []
        for image in spk_rec.unbind(1):
            counts = torch.zeros(image.shape[-1])
            steps.append(0)
            for spk in image:
                counts += spk
                steps[-1] += 1
                first, second = counts.sort(descending=True).values[:2]
                if first - second >= lead:
                    break
            answers.append(int(counts.argmax()) if first > second else -1)
        return [torch.tensor(answers), torch.tensor(steps)]

    def in_one_sweep(spk_rec: Tensor, lead: int) -> Any:
        counts = torch.zeros(spk_rec.shape[1:], dtype=torch.float64)
        running = torch.ones(spk_rec.shape[1], dtype=torch.bool)
        steps = torch.zeros(spk_rec.shape[1])
        for spk in spk_rec:
            counts += spk * running[:, None]
            steps += running
            first, second = counts.topk(2).values.T
            running &= first - second < lead
        first, second = counts.topk(2).values.T
        return torch.where(first > second, counts.argmax(1), -1), steps

    return lambda: by_image if spelling == "by image" else in_one_sweep


STOPPERS = {
    "from 0": "Do you count the steps from 0? After the first step, one has been taken.",
    "more than": "Do you want more than the lead? So many spikes ahead are enough.",
    "count": "Is a lead the same as a count?",
    "no last step": "What if no class ever leads by so much? Then the run goes to its last step.",
    "one too many": "What if no class ever leads by so much? Is there a step after the last?",
    "hindsight": "When the run stops, nobody knows what would have come after: is that in your "
    "rule?",
    "one step": "Is it the lead in the counts so far, or in the spikes of one step?",
    "ahead of the mean": "Ahead of whom: of the next best, or of the mean?",
    "all at once": "Is each image stopped for itself?",
    "lowest of ties": "Several are level at the stop: which answer says so?",
    "final answer": "Is your answer the class that leads when the run stops, not at its end?",
}
"""Which question leads away from which slip."""


def wrong_stopper(slip: str) -> Callable[[], Decoder]:
    """Make the maker of a rule that is wrong in one way."""

    def stop(spk_rec: Tensor, lead: int) -> Any:
        counts = spk_rec.cumsum(dim=0)
        seen = spk_rec if slip == "one step" else counts
        first, second = seen.topk(2, dim=-1).values.unbind(-1)
        enough = (first if slip == "count" else first - second) >= lead
        if slip == "ahead of the mean":
            enough = first - counts.mean(-1) >= lead
        if slip == "all at once":
            enough = enough.all(1, keepdim=True).expand_as(enough)
        if slip == "more than":
            enough = first - second > lead
        if slip == "hindsight":  # ahead until the end
            enough = enough.flip(0).int().cumprod(0).flip(0).bool()
        late = {"no last step": 1, "one too many": len(spk_rec) + 1}.get(slip, len(spk_rec))
        steps = torch.where(enough.any(0), enough.int().argmax(0) + 1, late)
        index = (steps - 1).clamp(max=len(spk_rec) - 1), torch.arange(spk_rec.shape[1])
        best, next_ = counts[index].topk(2).values.unbind(-1)
        answers = torch.where(best > next_, counts[index].argmax(-1), -1)
        if slip == "lowest of ties":
            answers = counts[index].argmax(-1)
        if slip == "swapped":
            return steps, answers
        if slip == "final answer":
            answers = SF.predict_rate(spk_rec)
        if slip == "last spike":
            answers = spk_rec[index].argmax(-1)
        return answers, steps - 1 if slip == "from 0" else steps

    return lambda: stop


# Decode by the first spike


def decode_first(spk_rec):  # noqa: ANN001, ANN201
    """The reference: who fires first; -1 where nobody does, or several do at once."""
    fired = (spk_rec.cumsum(dim=0) > 0).any(-1)  # [T, B]: has anyone fired by this step?
    step = fired.int().argmax(0)
    first = spk_rec[step, torch.arange(spk_rec.shape[1])]  # [B, C]: the spikes of that step
    return torch.where(first.sum(-1) == 1, first.argmax(-1), -1)


def other_decoder(spelling: str) -> Callable[[], Decoder]:
    """Make the maker of another right decoder."""

    def by_image(spk_rec: Tensor) -> Tensor:
        answers = []
        for image in spk_rec.unbind(1):
            answer = -1
            for spk in image:
                who = spk.nonzero().flatten().tolist()
                if who:
                    answer = who[0] if len(who) == 1 else -1
                    break
            answers.append(answer)
        return torch.tensor(answers, dtype=torch.int32)

    def by_weights(spk_rec: Tensor) -> Tensor:
        # An early spike weighs more than all later ones together.
        weights = torch.arange(len(spk_rec), 0, -1, dtype=torch.float64)[:, None, None]
        value = (spk_rec.double() * weights).amax(0)
        best = value.amax(-1, keepdim=True)
        unique = ((value == best).sum(-1) == 1) & (best.squeeze(-1) > 0)
        return value.argmax(-1).masked_fill_(~unique, -1)

    return lambda: by_image if spelling == "by image" else by_weights


def wrong_decoder(slip: str) -> Callable[[], Decoder]:
    """Make the maker of a decoder that is wrong in one way."""

    def decode(spk_rec: Tensor) -> Tensor:
        if slip == "count":
            return SF.predict_rate(spk_rec)
        if slip == "silence is early":
            return spk_rec.argmax(0).argmin(-1)
        if slip == "silence is late":
            time = SF.first_spike_time(spk_rec)
            unique = (time == time.amin(-1, keepdim=True)).sum(-1) == 1
            return torch.where(unique, time.argmin(-1), -1)
        if slip == "latest":
            return decode_first(spk_rec.flip(0))
        if slip == "first step":
            return decode_first(spk_rec[:1])
        if slip == "minus two":
            return decode_first(spk_rec) - (decode_first(spk_rec) < 0).long()
        if slip == "steps":
            return (spk_rec.sum(-1) > 0).int().argmax(0)
        answers = decode_first(spk_rec)
        first = (spk_rec * torch.arange(len(spk_rec), 0, -1)[:, None, None]).amax(0).argmax(-1)
        if slip == "lowest wins":
            return torch.where(spk_rec.sum((0, 2)) > 0, first, -1)
        return torch.where(spk_rec.sum((0, 2)) > 0, answers, 0)  # "silence is class 0"

    return lambda: decode


# Let the membrane decide where the spikes do not


def decide(spk_rec, mem_rec):  # noqa: ANN001, ANN201
    """The reference: the count's winner, or the highest mean membrane where there is none."""
    answers = SF.predict_rate(spk_rec)
    return torch.where(answers >= 0, answers, mem_rec.mean(0).argmax(-1))


def other_decider(spelling: str) -> Callable[[], Decoder]:
    """Make the maker of another right rule."""

    def with_index(spk_rec: Tensor, mem_rec: Tensor) -> Tensor:
        answers = SF.predict_rate(spk_rec)
        open_ = answers == -1
        answers[open_] = mem_rec[:, open_].sum(0).argmax(-1)
        return answers

    def by_image(spk_rec: Tensor, mem_rec: Tensor) -> Tensor:
        answers = []
        for counts, level in zip(spk_rec.sum(0).tolist(), mem_rec.mean(0).tolist(), strict=True):
            best = max(counts)
            alone = best > 0 and counts.count(best) == 1
            answers.append(counts.index(best) if alone else level.index(max(level)))
        return torch.tensor(answers)

    return lambda: with_index if spelling == "with an index" else by_image


def wrong_decider(slip: str) -> Callable[[], Decoder]:
    """Make the maker of a rule that is wrong in one way."""

    def choose(spk_rec: Tensor, mem_rec: Tensor) -> Tensor:
        counts, answers = spk_rec.sum(0), SF.predict_rate(spk_rec)
        if slip == "membrane always":
            return mem_rec.mean(0).argmax(-1)
        if slip == "lowest class":
            return counts.argmax(-1)
        if slip == "unchanged":
            return answers
        if slip == "ties only":
            undecided = (answers < 0) & (counts.amax(-1) > 0)
            return torch.where(undecided, mem_rec.mean(0).argmax(-1), answers)
        if slip == "depth":
            return torch.where(answers < 0, mem_rec.abs().mean(0).argmax(-1), answers)
        if slip == "only the level ones":
            level = torch.where(counts == counts.amax(-1, keepdim=True), mem_rec.mean(0), -math.inf)
            return torch.where(answers < 0, level.argmax(-1), answers)
        if slip == "last step":
            return torch.where(answers < 0, mem_rec[-1].argmax(-1), answers)
        return torch.where(answers < 0, mem_rec.amax(0).argmax(-1), answers)  # "highest peak"

    return lambda: choose
