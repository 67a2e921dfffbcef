"""The faster layers against torch's own, forwards and backwards in turn: what each saves of a training step.

    python -m benchmarks.layers --threads 2 [--native]

Prints a table. A batch is of 64 images of 116 x 116 px. Run it on an idle machine.
"""

import argparse
import statistics
import time

import stages  # noqa: F401 - it chooses numpy's kernels, and torch loads numpy

# isort: split
import torch
from torch import Tensor, nn

from benchmarks.comparison import in_turn
from crosscheck.core import devices
from crosscheck.core.params import load
from crosscheck.training.fused_conv_pool import PooledConvolution
from crosscheck.training.fused_linear import Dense

BATCH = 64
SIZE = 116
# Channels in and out of a first convolution; where there is one channel in,
# `crosscheck.training.fast_network` takes the faster one.
CONVOLUTIONS = [(1, 3), (1, 8), (1, 9), (1, 16), (1, 18), (1, 36), (3, 9), (3, 32)]
DENSE = [(3645, 1200), (1200, 64)]
# As they train, with plain SGD. The last, of no_pool, takes a gigabyte for each side's gradient.
DESCENDING = [(3645, 1200), (15680, 2000), (62720, 4000)]
RATE = 1e-6


def main() -> None:
    asked = arguments()
    devices.prepare(load().compute.model_copy(update={"threads": asked.threads, "portable": not asked.native}))
    machine = devices.fingerprint()
    print(f"{machine['threads']} threads of {machine['cpu']} ({machine['instructions']}), torch {machine['torch']}\n")
    print("| layer | torch's, ms | ours, ms | ratio |\n|---|---:|---:|---:|")
    for channels, outputs in CONVOLUTIONS:
        convolution = nn.Conv2d(channels, outputs, 3)
        devices.keep_freed_memory(convolution)
        convolution.to(memory_format=torch.channels_last)
        images = torch.rand(BATCH, channels, SIZE, SIZE).to(memory_format=torch.channels_last)
        plain = nn.Sequential(convolution, nn.MaxPool2d(2))
        name = f"convolution {channels} → {outputs}, pooled"
        print(row(name, plain, PooledConvolution(convolution), images, asked.repeats), flush=True)
    for inputs, outputs in DENSE:
        linear = nn.Linear(inputs, outputs)
        values = torch.rand(BATCH, inputs, requires_grad=True)
        print(row(f"dense {inputs} → {outputs}", linear, Dense(linear, None), values, asked.repeats), flush=True)
    for inputs, outputs in DESCENDING:
        linear = nn.Linear(inputs, outputs)
        devices.keep_freed_memory(linear)
        values = torch.rand(BATCH, inputs, requires_grad=True)
        name = f"dense {inputs} → {outputs}, with plain SGD"
        print(row(name, linear, Dense(linear, lambda: RATE), values, asked.repeats, descend=True), flush=True)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--native", action="store_true", help="with the machine's fastest kernels")
    parser.add_argument("--repeats", type=int, default=9, help="steps of each side")
    return parser.parse_args()


def row(name: str, plain: nn.Module, ours: nn.Module, inputs: Tensor, repeats: int, descend: bool = False) -> str:
    """The medians of both sides after a step that does not count, and how many times faster ours is.

    With `descend` a step of SGD follows, which moves whatever the layer has not moved itself.
    """
    with torch.no_grad():
        slope = torch.rand_like(plain(inputs))
    optimizer = torch.optim.SGD(plain.parameters(), lr=RATE, fused=True) if descend else None
    sides = in_turn(
        repeats + 1,
        lambda _: milliseconds(plain, inputs, slope, optimizer),
        lambda _: milliseconds(ours, inputs, slope, optimizer),
    )
    theirs, mine = (statistics.median(side[1:]) for side in sides)
    return f"| {name} | {theirs:.2f} | {mine:.2f} | {theirs / mine:.2f} |"


def milliseconds(layer: nn.Module, inputs: Tensor, slope: Tensor, optimizer: torch.optim.Optimizer | None) -> float:
    """One pass forwards and backwards, and the optimizer's step."""
    layer.zero_grad()
    began = time.perf_counter()
    torch.autograd.backward(layer(inputs), slope)
    if optimizer:
        optimizer.step()
    return 1000 * (time.perf_counter() - began)


if __name__ == "__main__":
    main()
