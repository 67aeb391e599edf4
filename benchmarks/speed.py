"""Speed and memory of the course's network: ``make bench``, or ``make bench ARGS=--quick``.

Prints tables and writes results/speed.json and speed.md; with ``--device cuda`` speed_cuda.json and
speed_cuda.md. Compare ratios within one run only, and run it with nothing else on the machine.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch

from tutorial_lib import fast

from . import contenders, measure, quality, report

RESULTS = Path(__file__).resolve().parent.parent / "results" / "speed.json"
BATCH, STEPS = 128, 50
FRAMES, STREAMS = 15, 512  # frames of a stream; streams that are made to see how long that takes


def main(argv: Sequence[str] | None = None) -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the first table only, few rounds")
    parser.add_argument("--output", type=Path, help=f"JSON file to write (results/{RESULTS.name})")
    parser.add_argument("--events", action="store_true", help="event frames only; writes no file")
    parser.add_argument("--short", action="store_true", help="speed and memory only")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu", help="where to run")
    args = parser.parse_args(argv)
    if args.device == "cuda" and not torch.cuda.is_available():
        parser.error("--device cuda needs a GPU that PyTorch can use; leave it out for the CPU")
    default = RESULTS if args.device == "cpu" else RESULTS.with_stem("speed_cuda")
    output = args.output or default
    fast.keep_freed_memory()  # for all contenders alike, as tutorial_lib.training does
    if args.events:
        on_events(args.device, rounds=3)
        return
    start = time.perf_counter()
    found: dict[str, object] = {
        "command": "make bench" + _arguments(args),
        "commit": measure.commit(),
        "machine": measure.machine(args.device),
        "seed": 0,
        "batch": BATCH,
        "steps": STEPS,
    }
    found["speed"] = speed(args.device, quick=args.quick)
    if not args.quick:
        found["memory"] = memory(args.device)
        found["events"] = on_events(args.device, rounds=5)
    if not (args.quick or args.short):
        steps = [(BATCH, steps) for steps in (10, 25, 50, 100, 200, 400)]
        found["over_steps"] = growth("T", steps, args.device)
        sizes = [(size, STEPS) for size in (16, 32, 64, 128, 256, 512)]
        found["over_batch"] = growth("B", sizes, args.device)
        found["to_quality"] = quality.time_to_quality(args.device)
    found["seconds"] = round(time.perf_counter() - start)
    if args.quick and output == default:
        print("(--quick writes no file)")
        return
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    report.write(found, output.with_suffix(".md"))
    print(f"written to {output} and {output.with_suffix('.md').name}")


def _arguments(args: argparse.Namespace) -> str:
    flags = [f"--{name}" for name in ("quick", "short") if getattr(args, name)]
    flags += [f"--device {args.device}"] if args.device != "cpu" else []
    return f' ARGS="{" ".join(flags)}"' if flags else ""


def speed(device: str, quick: bool) -> dict[str, dict[str, float]]:
    """One training step and one evaluation batch of every contender.

    On a CPU five rounds in each of three processes, or three in this one; on a GPU eleven.
    """
    if device == "cpu" and not quick:
        seconds = measure.everyone_in_processes(3, 5, BATCH, STEPS)
    else:
        seconds = measure.everyone(3 if quick else 11, BATCH, STEPS, device)
    rounds = len(seconds["train"]["snnTorch"])
    print(f"One batch of {BATCH} images over {STEPS} steps; {rounds} interleaved rounds")
    print(f"{'':<24}{'training':>10}{'x snnTorch':>12}{'x floor':>9}", end="")
    print(f"{'evaluation':>13}{'x snnTorch':>12}")
    table = {}
    for name in contenders.names(device):
        table[name] = row = {
            "train_seconds": sorted(seconds["train"][name])[rounds // 2],
            "train_over_snntorch": measure.ratio(seconds["train"], "snnTorch", name),
            "train_time_over_floor": measure.ratio(seconds["train"], name, "floor"),
            "evaluate_seconds": sorted(seconds["evaluate"][name])[rounds // 2],
            "evaluate_over_snntorch": measure.ratio(seconds["evaluate"], "snnTorch", name),
        }
        print(f"{name:<24}{row['train_seconds']:>8.4f} s", end="")
        print(f"{row['train_over_snntorch']:>12.2f}", end="")
        print(f"{row['train_time_over_floor']:>9.2f}{row['evaluate_seconds']:>11.4f} s", end="")
        print(f"{row['evaluate_over_snntorch']:>12.2f}", flush=True)
    return table


def on_events(device: str, rounds: int) -> dict[str, float]:
    """A training step on event frames, ours, snnTorch's and the floor, and the making of streams.

    A batch of 64 recordings in 15 frames; the streams are those of saccades, made on the CPU. Where
    the device is fast in bfloat16, also both libraries in that.
    """
    from tutorial_lib import events

    images, _ = contenders.batch(STREAMS)
    start = time.perf_counter()
    events.saccades(images)
    making = time.perf_counter() - start
    data, targets = contenders.frame_batch(BATCH // 2, FRAMES, device)

    def seconds_of(names: Iterable[str]) -> dict[str, list[float]]:
        made = {name: contenders.make(name, device) for name in names}
        works = {name: lambda c=c: c.train(data, targets, FRAMES) for name, c in made.items()}
        return measure.interleaved(works, rounds=rounds, device=device)

    snn, ours, floor = contenders.FRAME_MAKERS
    seconds = seconds_of(contenders.FRAME_MAKERS)
    found = {
        "batch": BATCH // 2,
        "steps": FRAMES,
        "ours": sorted(seconds[ours])[rounds // 2],
        "snntorch": sorted(seconds[snn])[rounds // 2],
        "ratio": measure.ratio(seconds, snn, ours),
        "floor_ratio": measure.ratio(seconds, snn, floor),
        "seconds_per_10000_streams": making * 10_000 / STREAMS,
    }
    print(f"\nEvent frames, B {found['batch']}, T {FRAMES}: ours {found['ours']:.4f} s,", end="")
    print(f" snnTorch {found['snntorch']:.4f} s, {found['ratio']:.2f} times as fast,", end="")
    print(f" the floor {found['floor_ratio']:.2f} times")
    if device != "cpu" or fast.has_bf16_units():
        found["bf16_ratio"] = measure.ratio(
            seconds_of(contenders.HALF_FRAME_MAKERS), *contenders.HALF_FRAME_MAKERS
        )
        print(f"both in bfloat16: {found['bf16_ratio']:.2f} times as fast")
    print(f"10,000 streams: {found['seconds_per_10000_streams']:.0f} s", flush=True)
    return found


def memory(device: str) -> dict[str, dict[str, float]]:
    """Peak memory of each contender; on a CPU each in a separate process."""
    print("\nPeak memory, MiB")
    table = {}
    for name in contenders.names(device):
        table[name] = {
            mode: measure.peak_memory(name, mode, BATCH, STEPS, device=device)
            for mode in ("train", "evaluate")
        }
        print(f"{name:<24}{table[name]['train']:>9.0f} training", end="")
        print(f"{table[name]['evaluate']:>9.0f} evaluation", flush=True)
    long = measure.peak_memory("ours, layer", "train", BATCH, 400, micro_batch=16, device=device)
    table["ours, layer, T = 400 in micro-batches of 16"] = {"train": long}
    print(f"T = 400, batch {BATCH}, micro-batches of 16: {long:.0f} MiB", flush=True)
    return table


def growth(axis: str, sizes: list[tuple[int, int]], device: str) -> list[dict[str, float]]:
    """Training step of ours and of snnTorch, as one of batch and steps grows."""
    print(f"\nTraining step over {axis}: seconds of ours (layer) and snnTorch, and their ratio")
    rows = []
    names = ("ours, layer", "snnTorch")
    everyone = {name: contenders.make(name, device) for name in names}
    for size, steps in sizes:
        data, targets = contenders.batch(size, device)
        seconds = measure.interleaved(
            {
                name: lambda c=c, d=data, t=targets, n=steps: c.train(d, t, n)
                for name, c in everyone.items()
            },
            rounds=3,
            device=device,
        )
        row = {
            "batch": size,
            "steps": steps,
            "ours": sorted(seconds[names[0]])[1],
            "snntorch": sorted(seconds[names[1]])[1],
            "ratio": measure.ratio(seconds, "snnTorch", "ours, layer"),
        }
        rows.append(row)
        print(f"B {size:>4}  T {steps:>4}{row['ours']:>9.4f}{row['snntorch']:>9.4f}", end="")
        print(f"{row['ratio']:>8.2f}", flush=True)
    return rows


if __name__ == "__main__":
    main()
