"""The networks of a demo, trained in seconds, with drawings for them, and its server in a thread."""

import io
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

import numpy as np
import torch
import uvicorn
from fastapi import FastAPI
from PIL import Image
from torch.nn import functional

from crosscheck.core.params import ModelParams, SynthesizeParams, load
from crosscheck.data import synthetic
from crosscheck.data.dataset import DataSet, Subset
from crosscheck.network import model
from crosscheck.network.checkpoint import Checkpoint
from helpers.repository import ROOT

SIZE = 48
DATA_SET = DataSet(["circles", "crosses"], SIZE, SIZE, 1, "stretch", 255)


def drawings(first: int, count: int) -> Subset:
    shapes = load(ROOT / "params.yaml").synthesize
    varied = SynthesizeParams.model_validate(
        {**shapes.model_dump(), "size": SIZE, "rotation": 12.0, "stroke_spread": 2.0, "displacement": 6.0}
    )
    ink = [synthetic.draw(varied, label, first + index) for index in range(count) for label in (0, 1)]
    return Subset(np.where(np.stack(ink), 0, 255).astype(np.uint8)[..., None], np.tile([0, 1], count))


def train(net: torch.nn.Module, images: Subset, steps: int) -> None:
    pixels = torch.from_numpy(images.images).permute(0, 3, 1, 2)
    labels = torch.from_numpy(images.labels)
    optimizer = torch.optim.AdamW(net.parameters(), lr=0.003)
    order = torch.Generator().manual_seed(0)
    for _ in range(steps):
        rows = torch.randint(len(labels), (64,), generator=order)
        optimizer.zero_grad()
        functional.cross_entropy(net(pixels[rows]), labels[rows]).backward()
        optimizer.step()
    net.eval()


def checkpoint(**changes: Any) -> Checkpoint:
    shipped = load(ROOT / "params.yaml").model
    small = {"channels": 6, "further_channels": [8], "hidden": [16], "invert": True}
    wanted = ModelParams.model_validate({**shipped.model_dump(), **small, **changes})
    torch.manual_seed(0)
    return Checkpoint(model.build(wanted, DATA_SET), wanted, DATA_SET)


def picture(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


@contextmanager
def serving(app: FastAPI, listener: socket.socket) -> Iterator[str]:
    """The address of `app`, which a thread serves at `listener`."""
    running = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    thread = Thread(target=running.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        running.should_exit = True
        thread.join()
