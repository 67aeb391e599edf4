"""The benchmark's result as Markdown tables, for the book and the README."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def write(found: dict[str, Any], path: Path) -> None:
    """Write the tables of one run to ``path``; of a shorter one, what it has."""
    machine = found["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    where = f"{machine['threads']} threads of {machine['processor']}"
    where = f"one {machine['gpu']}, with {where}" if "gpu" in machine else where
    kept = " For all alike, the process keeps freed memory (`fast.keep_freed_memory`)."
    parts = [
        f"Measured with `{found['command']}` at commit {found['commit']}, seed {found['seed']}, on "
        f"{where}; Python {machine['python']}, {versions}." + ("" if "gpu" in machine else kept),
        _speed(found),
    ]
    if "note" in found:
        parts.insert(1, f"**Note.** {found['note']}")
    if "memory" in found:
        parts.append(_memory(found))
    if "events" in found:
        parts.append(_events(found["events"]))
    if "over_steps" in found:
        parts += [
            _growth("Training over the number of steps", found["over_steps"]),
            _growth("Training over the batch size", found["over_batch"]),
            _quality(found["to_quality"]),
        ]
    path.write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def _table(head: list[str], rows: list[list[str]]) -> str:
    line = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [head, line, *rows])


def _speed(found: dict[str, Any]) -> str:
    rows = [
        [
            name,
            f"{row['train_over_snntorch']:.2f}",
            f"{row['train_time_over_floor']:.2f}",
            f"{row['evaluate_over_snntorch']:.2f}",
        ]
        for name, row in found["speed"].items()
    ]
    head = ["", "training, times snnTorch", "training time / floor", "evaluation, times snnTorch"]
    title = f"**One batch of {found['batch']} images over {found['steps']} steps**"
    return f"{title} (how many times as fast)\n\n" + _table(head, rows)


def _memory(found: dict[str, Any]) -> str:
    rows = [
        [name, *(f"{row[mode]:.0f}" if mode in row else "" for mode in ("train", "evaluate"))]
        for name, row in found["memory"].items()
    ]
    title = "**Peak memory, MiB**"
    return f"{title}\n\n" + _table(["", "training", "evaluation"], rows)


def _events(row: dict[str, float]) -> str:
    making = row["seconds_per_10000_streams"]
    half = f" Both in bfloat16: {row['bf16_ratio']:.2f} times." if "bf16_ratio" in row else ""
    return (
        f"**Event frames**: a training step on {row['batch']} recordings in {row['steps']} frames "
        f"is {row['ratio']:.2f} times as fast as snnTorch's loop, the floor "
        f"{row['floor_ratio']:.2f} times.{half} 10,000 streams are made in {making:.0f} s."
    )


def _growth(title: str, rows: list[dict[str, float]]) -> str:
    cells = [
        [f"{row['batch']}", f"{row['steps']}", f"{row['ours'] / rows[0]['ours']:.1f}",
         f"{row['snntorch'] / rows[0]['ours']:.1f}", f"{row['ratio']:.2f}"]
        for row in rows
    ]  # fmt: skip
    head = ["batch", "steps", "ours, layer", "snnTorch", "times as fast"]
    return f"**{title}** (time, first row of ours = 1)\n\n" + _table(head, cells)


def _quality(found: dict[str, Any]) -> str:
    rows = [
        [name, f"{row['iterations']:,.0f}", f"{row['minutes']:.1f}", f"{row['ratio']:.1f}"]
        for name, row in found["rows"].items()
    ]
    title = (
        f"**Until {found['goal']:.2%} of the validation images are right**, the best of tutorial "
        f"6's recipe in 20 epochs. {found['reached']} of {found['runs']} runs of the course's "
        f"recipe reach it ({found['precision']}, mean over these); evaluations are not counted"
    )
    return f"{title}\n\n" + _table(["", "iterations", "minutes", "times as fast"], rows)
