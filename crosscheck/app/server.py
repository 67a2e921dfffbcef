"""Serves the page to draw on: its files, the list of networks, what a network makes of an image, and why.

Whatever comes from the page is checked here; other sites cannot talk to the server, since it answers to the names of
this machine only and takes nothing that a foreign page may send unasked.
"""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from fastapi import FastAPI, HTTPException, Query, Request, Response
from fastapi.middleware.trustedhost import TrustedHostMiddleware
from fastapi.staticfiles import StaticFiles
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from crosscheck.app import encoding
from crosscheck.app.explaining import Explainer, Occlude, StoppedError
from crosscheck.app.networks import LoadedNetwork
from crosscheck.data import decoding
from crosscheck.evaluation import classify, ood
from crosscheck.network import backbones, inference
from crosscheck.network.model import parameter_count
from crosscheck.reporting.style import POSITIVE, SIGNED, colormap

PAGE = Path(__file__).with_name("static")
MOST_BYTES = 16 * 2**20
# A smaller network is through before a second thread has woken up; on a busy machine it waits for it ten times as long.
LARGE_NETWORK = 256 * 2**20
HEADERS = {
    # Nothing from other hosts, nothing within other pages.
    "Content-Security-Policy": "default-src 'self'; img-src 'self' blob: data:; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


class Choice(BaseModel):
    """Which network, by its place in the list, and after which epoch, or None for the trained one."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    network: int = Field(ge=0)
    epoch: int | None = Field(default=None, ge=0)


@dataclass(frozen=True)
class Look:
    """What a network makes of an image: uint8 (1, channels, height, width), with the response of each layer."""

    image: Tensor
    responses: dict[str, Tensor]
    verdict: classify.Verdict


def app(variants: list[LoadedNetwork], threads: int, occlude: Occlude) -> FastAPI:
    """The server's routes, for `variants` to choose from; `threads` are for large networks, `occlude` explains."""
    made = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    made.add_middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])
    explainer = Explainer(occlude)

    @made.middleware("http")
    async def add_headers(request: Request, respond: Callable[[Request], Awaitable[Response]]) -> Response:
        response = await respond(request)
        response.headers.update(HEADERS)
        return response

    @made.get("/networks")
    def networks() -> dict[str, Any]:
        return {
            "networks": [described(variant) for variant in variants],
            "palettes": {"positive": palette(POSITIVE), "signed": palette(SIGNED)},
        }

    # Not left to other threads: one drawing is looked at after the other, each in the order in which it came.
    @made.post("/look")
    async def look(request: Request, choice: Annotated[Choice, Query()]) -> Response:
        variant, net = chosen(variants, choice)
        content = await body(request)
        explainer.stop()
        began = time.perf_counter()
        seen = looked(net, decoded(content, variant), variant.learnt if choice.epoch is None else None, threads)
        answer = encoding.encode(seen.image, seen.verdict, seen.responses)
        timing = {"Server-Timing": f"look;dur={1000 * (time.perf_counter() - began):.1f}"}
        return Response(answer, media_type="application/octet-stream", headers=timing)

    @made.post("/explain")
    async def explain(request: Request, choice: Annotated[Choice, Query()]) -> Response:
        """Why the network takes the image for the class that it names; no content where a next question stopped it."""
        variant, net = chosen(variants, choice)
        pixels = decoded(await body(request), variant)
        label = looked(net, pixels, None, threads).verdict.label
        try:
            found = await explainer.explain(net, variant.trained, pixels, label, threads_for(net, threads))
        except StoppedError:
            return Response(status_code=204)
        return Response(encoding.encode_occlusion(found, label), media_type="application/octet-stream")

    made.mount("/", StaticFiles(directory=PAGE, html=True))
    return made


def decoded(content: bytes, variant: LoadedNetwork) -> NDArray[np.uint8]:
    """The image that was sent, uint8 (height, width, channels), as `variant` takes it. Raises HTTPException."""
    found = decoding.decode_bytes(content, "", variant.preparation)
    if found.pixels is None:
        raise HTTPException(422, found.note or "it is not an image in a format that Crosscheck reads")
    return found.pixels


def looked(net: nn.Sequential, pixels: NDArray[np.uint8], learnt: ood.OodDetector | None, threads: int) -> Look:
    """What `net` makes of `pixels`, uint8 (height, width, channels). Raises HTTPException where it is not a number."""
    image = classify.batch([pixels])
    torch.set_num_threads(threads_for(net, threads))
    responses = inference.responses(net, image)
    if not all(bool(torch.isfinite(values).all()) for values in responses.values()):
        raise HTTPException(422, "this network's answers are not numbers: its training diverged")
    (verdict,) = classify.classify(responses, learnt)
    return Look(image, responses, verdict)


def described(variant: LoadedNetwork) -> dict[str, Any]:
    """What the page shows of a network, and what it needs for drawing."""
    data_set, wanted = variant.trained.data_set, variant.trained.params
    convolutions = ", ".join(map(str, [wanted.channels, *wanted.further_channels]))
    layers = f"convolutions {convolutions}; pooling {wanted.pool}; head {wanted.head}"
    if backbones.is_used(wanted):
        layers = f"backbone {wanted.backbone}{', frozen' if wanted.freeze else ''}"
    return {
        "name": variant.name,
        "about": f"{layers}; {parameter_count(variant.trained.net):,} parameters",
        "classes": data_set.classes,
        "height": data_set.height,
        "width": data_set.width,
        "background": data_set.background,
        "epochs": sorted(variant.epochs),
        "knows": variant.learnt is not None,
    }


def palette(name: str) -> list[list[int]]:
    """The 256 colours of a scale, red, green and blue each."""
    colours: list[list[int]] = colormap(name)(range(256), bytes=True)[:, :3].tolist()
    return colours


def chosen(variants: list[LoadedNetwork], choice: Choice) -> tuple[LoadedNetwork, nn.Sequential]:
    if choice.network >= len(variants):
        raise HTTPException(404, f"there are {len(variants)} networks")
    variant = variants[choice.network]
    if choice.epoch is None:
        return variant, variant.trained.net
    if choice.epoch not in variant.epochs:
        raise HTTPException(404, f"there is no snapshot of {variant.name} after epoch {choice.epoch}")
    return variant, variant.epochs[choice.epoch]


def threads_for(net: nn.Sequential, most: int) -> int:
    """How many threads answer soonest for one image."""
    return most if sum(weights.nbytes for weights in net.parameters()) > LARGE_NETWORK else 1


async def body(request: Request) -> bytes:
    """The image that was sent; a foreign page cannot send this type without asking."""
    if not request.headers.get("content-type", "").startswith("image/"):
        raise HTTPException(415, "send an image, with its type")
    content = bytearray()
    async for part in request.stream():
        content += part
        if len(content) > MOST_BYTES:
            raise HTTPException(413, f"images may have up to {MOST_BYTES // 2**20} MiB")
    return bytes(content)
