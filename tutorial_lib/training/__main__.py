"""The course's training command, on one process or several.

Usage::

    python -m tutorial_lib.training --epochs 1 --checkpoint csnn.pt
    python -m tutorial_lib.training --epochs 2 --resume csnn.pt --checkpoint csnn.pt
    torchrun --nproc-per-node=2 -m tutorial_lib.training --epochs 1

Under ``torchrun``, every process takes its share of each batch and the gradients are averaged: the
same training as in one process, on the same global batches. The order of the samples depends on the
seed and the epoch alone, so a resumed run goes on as if it had never stopped.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from .. import data, networks, surrogate, training
from .. import functional as SF
from ..fast import keep_freed_memory
from ..fast.cuda_graph import CudaGraph
from ..simulation import Simulation

__all__ = ["global_batches", "main"]


def main(argv: Sequence[str] | None = None) -> training.History:
    """Train 12C5-MP2-64C5-MP2-1024FC10 as the command line says; return the history.

    Raises:
        SystemExit: for arguments that do not parse or do not fit (argparse's way).
        FileExistsError: if the checkpoint or log exists and is not the one that is resumed.
        FileNotFoundError: if the checkpoint to resume or the folder of a file does not exist.
        tutorial_lib.data.DataError: if the data cannot be had.
    """
    args = _parse(argv)
    _check_paths(args)
    with _process_group() as (rank, world):
        if args.batch_size % world:
            raise SystemExit(
                f"--batch-size {args.batch_size} cannot be shared equally by {world} processes. "
                f"Take a multiple of {world}."
            )
        if args.cuda_graph and world > 1:
            raise SystemExit("--cuda-graph is for one process. Leave it out under torchrun.")
        return _run(args, rank, world)


def _run(args: argparse.Namespace, rank: int, world: int) -> training.History:
    device = _device(args.device)
    digits = data.load(args.data, seed=args.seed, verbose=rank == 0)
    training.seed_everything(args.seed)
    net = networks.conv_net(args.beta, surrogate.fast_sigmoid(args.slope)).to(device)
    optimizer = torch.optim.Adam(net.parameters(), lr=args.lr)
    history = training.History()
    if args.resume:
        history = training.load_checkpoint(args.resume, net, optimizer) or history
    _check_log(args, history)

    simulation: Callable[[Tensor], tuple[Tensor, Tensor]] = Simulation(net, args.num_steps)
    if world > 1:
        simulation = nn.parallel.DistributedDataParallel(simulation)
    elif args.cuda_graph:
        simulation = CudaGraph(net, args.num_steps)
    done = len(history.iterations)
    batches = global_batches(digits.train, args.batch_size, args.seed, done, rank, world)
    per_epoch = len(digits.train) // args.batch_size
    validation = DataLoader(digits.val, batch_size=args.batch_size) if rank == 0 else None
    for _ in range(args.epochs):
        training.train(
            net,
            batches,
            optimizer,
            SF.ce_rate_loss(),
            args.num_steps,
            num_iterations=args.iterations or per_epoch,
            eval_loader=validation,
            eval_every=args.eval_every,
            history=history,
            micro_batch=args.micro_batch,
            autocast=torch.bfloat16 if args.precision == "bf16" else None,
            progress=rank == 0,
            simulate=simulation,
        )
        if rank == 0:
            if args.checkpoint:
                training.save_checkpoint(args.checkpoint, net, optimizer, history, overwrite=True)
            if args.json_log:
                args.json_log.write_text("".join(_log_lines(history)), encoding="utf-8")
    if rank == 0:
        print(f"iteration {len(history.iterations)}: loss {history.loss[-1]:.4f}")
        if history.eval_accuracy:
            decided = history.eval_decision_rate[-1]
            print(f"validation accuracy {history.eval_accuracy[-1]:.2%}, decided {decided:.2%}")
    return history


def global_batches(
    dataset: TensorDataset, batch_size: int, seed: int, start: int, rank: int = 0, world: int = 1
) -> Iterator[tuple[Tensor, Tensor]]:
    """This process's share of each global batch, without end, from iteration ``start`` on.

    Epoch ``e`` runs through a permutation that depends on ``seed`` and ``e`` alone. The samples
    left over at its end, fewer than ``batch_size``, wait for another epoch's order.

    Args:
        dataset: the training set.
        batch_size: size of a global batch, a multiple of ``world``.
        seed, start: seed of the order; number of global batches to pass over.
        rank, world: which of how many processes this is.

    Returns:
        An iterator over ``(data [batch_size / world, ...], targets)``.

    Raises:
        ValueError: if the dataset is smaller than one global batch.
    """
    per_epoch = len(dataset) // batch_size
    if per_epoch == 0:
        raise ValueError(
            f"A batch of {batch_size} is larger than the training set of {len(dataset)} samples. "
            "Take a smaller batch size."
        )

    def batches() -> Iterator[tuple[Tensor, Tensor]]:
        epoch, first = divmod(start, per_epoch)
        while True:
            generator = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
            order = torch.randperm(len(dataset), generator=generator)
            for batch in range(first, per_epoch):
                yield dataset[order[batch * batch_size : (batch + 1) * batch_size][rank::world]]
            epoch, first = epoch + 1, 0

    return batches()


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tutorial_lib.training",
        description="Train the course's network, 12C5-MP2-64C5-MP2-1024FC10.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    positive, number = _positive(int), _positive(float)
    parser.add_argument("--epochs", type=positive, default=1, help="passes over the training set")
    parser.add_argument("--iterations", type=positive, help="updates per epoch; default: all")
    parser.add_argument("--data", choices=("auto", "mnist", "digits"), default="auto")
    parser.add_argument("--batch-size", type=positive, default=128, help="over all processes")
    parser.add_argument("--micro-batch", type=positive, help="images at once; bounds the memory")
    parser.add_argument("--num-steps", type=positive, default=50)
    parser.add_argument("--beta", type=_fraction, default=0.5)
    parser.add_argument("--slope", type=number, default=25, help="of the fast sigmoid")
    parser.add_argument("--lr", type=number, default=1e-2)
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="fp32")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, ...")
    parser.add_argument(
        "--cuda-graph", action="store_true",
        help="on a GPU, record the run over time once and replay it; the same results, faster",
    )  # fmt: skip
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--eval-every", type=positive, default=100, help="iterations")
    parser.add_argument("--checkpoint", type=Path, help="file to write after each epoch")
    parser.add_argument("--resume", type=Path, help="checkpoint to go on from")
    parser.add_argument("--json-log", type=Path, help="file to write: one object per iteration")
    parser.add_argument("--overwrite", action="store_true", help="replace checkpoint and log")
    return parser.parse_args(argv)


def _positive(kind: type) -> type:
    def convert(text: str) -> float:
        value = kind(text)
        if not 0 < value < float("inf"):
            raise argparse.ArgumentTypeError(f"must be above 0, got {text}")
        return value

    convert.__name__ = kind.__name__
    return convert


def _fraction(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"must lie between 0 and 1, got {text}")
    return value


def _check_paths(args: argparse.Namespace) -> None:
    """Raise before any work if a file could not be read, or should not be written."""
    if args.resume is not None and not args.resume.is_file():
        raise FileNotFoundError(f"--resume {args.resume}: there is no such file.")
    for name, path in (("--checkpoint", args.checkpoint), ("--json-log", args.json_log)):
        if path is None:
            continue
        if path.is_dir():
            raise IsADirectoryError(f"{name} {path} is a folder. Give the name of a file in it.")
        if not path.parent.is_dir():
            raise FileNotFoundError(f"The folder of {name} {path} does not exist. Create it first.")
        # A log that goes on is looked at once the checkpoint is read, in _check_log.
        continued = args.resume is not None and (name == "--json-log" or path == args.resume)
        if path.exists() and not (args.overwrite or continued):
            raise _exists(name, path)
    if args.json_log is not None and args.json_log in (args.checkpoint, args.resume):
        raise FileExistsError(
            f"--json-log {args.json_log} is the checkpoint as well. Give each a file of its own."
        )


def _check_log(args: argparse.Namespace, history: training.History) -> None:
    """Raise if the log that is there was not written by the run that goes on."""
    if args.json_log is None or args.overwrite or not args.json_log.exists():
        return
    there = args.json_log.read_bytes()
    if not "".join(_log_lines(history)).encode().startswith(there):
        raise _exists("--json-log", args.json_log)


def _exists(name: str, path: Path) -> FileExistsError:
    return FileExistsError(
        f"{name} {path} exists already. Choose another name, --resume it, or --overwrite."
    )


@contextmanager
def _process_group() -> Iterator[tuple[int, int]]:
    """``(rank, world)``: what ``torchrun`` says, or one process alone."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        yield 0, 1
        return
    dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    try:
        yield dist.get_rank(), world
    finally:
        dist.destroy_process_group()


def _device(name: str) -> torch.device:
    if name != "auto":
        return torch.device(name)
    if not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))


def _log_lines(history: training.History) -> list[str]:
    """One object per iteration; evaluations stand with the iteration after which they ran."""
    evaluations = {
        iteration: {"eval_loss": loss, "eval_accuracy": accuracy, "eval_decision_rate": decided}
        for iteration, loss, accuracy, decided in zip(
            history.eval_iterations,
            history.eval_loss,
            history.eval_accuracy,
            history.eval_decision_rate,
            strict=True,
        )
    }
    rows = zip(history.iterations, history.loss, history.accuracy, strict=True)
    entries = ({"iteration": i, "loss": loss, "accuracy": accuracy} for i, loss, accuracy in rows)
    return [json.dumps(e | evaluations.get(e["iteration"], {})) + "\n" for e in entries]


if __name__ == "__main__":
    keep_freed_memory()  # the process is this command's own
    main()
