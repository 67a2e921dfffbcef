"""An epoch of plain SGD whose whole step is recorded once as a CUDA graph, and then replayed without Python between.

An idea: a step of a small network is dozens of kernels that take less time than starting them does. On a CPU the same
step runs without a graph, so that its mathematics can be tested there.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from crosscheck.data.dataset import Subset
from crosscheck.training.feed import copy_to

# Runs before a step is recorded, as PyTorch's guide to CUDA graphs asks for: libraries allocate in the first ones.
WARM_UP = 3


class GraphedEpochs:
    """Plain SGD of `net`, on its device, over `train` in batches of `batch_size`; `seed` decides the order.

    A last batch that is smaller than the others runs as an ordinary step.
    """

    def __init__(self, net: nn.Module, train: Subset, batch_size: int, rate: float, seed: int) -> None:
        self.net, self.rate, self.size, self.count = net.train(), rate, batch_size, len(train)
        self.weights = list(net.parameters())
        self.device = self.weights[0].device
        self.images, self.labels = copy_to(train, self.device)
        self.order = torch.Generator().manual_seed(seed)
        # A graph reads and writes the same memory each time.
        self.rows = torch.zeros(min(batch_size, self.count), dtype=torch.int64, device=self.device)
        self.total = torch.zeros((), dtype=torch.float64, device=self.device)
        self.graph = self._record() if self.device.type == "cuda" else None

    def _record(self) -> torch.cuda.CUDAGraph:
        before = [weights.detach().clone() for weights in self.weights]
        stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(WARM_UP):
                self._step(self.rows)
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self._step(self.rows)
        with torch.no_grad():
            for weights, kept in zip(self.weights, before, strict=True):
                weights.copy_(kept)
        return graph

    def _step(self, rows: Tensor) -> None:
        logits = self.net(self.images[rows].permute(0, 3, 1, 2))
        loss = functional.cross_entropy(logits, self.labels[rows])
        gradients = torch.autograd.grad(loss, self.weights)
        with torch.no_grad():
            for weights, gradient in zip(self.weights, gradients, strict=True):
                weights.sub_(gradient, alpha=self.rate)
            self.total += loss.double() * len(rows)

    def run_epoch(self) -> float:
        """Train for an epoch, and return the mean training loss."""
        self.total.zero_()
        order = torch.randperm(self.count, generator=self.order).to(self.device)
        for rows in torch.split(order, self.size):
            if self.graph and len(rows) == len(self.rows):
                self.rows.copy_(rows)
                self.graph.replay()
            else:
                self._step(rows)
        return float(self.total / self.count)
