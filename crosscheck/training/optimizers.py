"""PyTorch's optimizers without its compiler, which their methods load at the first call and nothing here uses.

It takes longer to load than an epoch of a small network, and 150 MiB. The methods themselves are PyTorch's, from within
the wrappers that are there for the compiler.
"""

import inspect
from typing import TypeVar, cast

import torch
from torch.optim import SGD, AdamW, Optimizer

from crosscheck.core.params import TrainParams

WRAPPED = ("add_param_group", "load_state_dict", "state_dict", "zero_grad")
Kind = TypeVar("Kind", bound=Optimizer)


def build_optimizer(net: torch.nn.Module, params: TrainParams) -> Optimizer:
    """The optimizer that `train` describes, over all weights of `net`."""
    decay = params.weight_decay
    if params.optimizer == "adamw":
        return _plain(AdamW)(net.parameters(), lr=params.lr, weight_decay=decay, fused=True)
    return _plain(SGD)(net.parameters(), lr=params.lr, momentum=params.momentum, weight_decay=decay, fused=True)


def _plain(kind: type[Kind]) -> type[Kind]:
    methods = {name: inspect.unwrap(getattr(kind, name)) for name in WRAPPED}
    # The outer of the two wrappers of a step turns gradients off as well.
    step = torch.no_grad()(inspect.unwrap(kind.step))
    return cast(type[Kind], type(kind.__name__, (kind,), {**methods, "step": step}))
