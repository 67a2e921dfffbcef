"""Training: it learns, equals plain PyTorch, and ends where it diverges or is told to."""

import math
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from helpers.repository import ROOT
from helpers.two_class_trainings import EMPTY, expected_rate, network, run, same_weights, toy, training
from torch.nn import functional

from crosscheck.core.errors import InputError
from crosscheck.core.params import Params
from crosscheck.data.dataset import Subset
from crosscheck.study import plans
from crosscheck.training.curves import Epoch
from crosscheck.training.trainer import DivergedError
from crosscheck.training.validation import score

pytestmark = pytest.mark.usefixtures("one_thread")


def test_model_can_memorise_eight_images(params: Params) -> None:
    random = np.random.default_rng(0)
    eight = Subset(random.integers(0, 256, (8, 12, 12, 1), dtype=np.uint8), np.array([0, 1, 1, 0, 1, 0, 0, 1]))
    learner = run(training(params, eight, lr=0.2, momentum=0.9, epochs=150), 150)
    assert learner.history[-1].train_accuracy == 1.0
    assert learner.history[-1].train_loss < 0.01
    assert score(learner.net, eight, 3)[1] == 1.0


def test_adamw_is_that_of_pytorch(params: Params) -> None:
    learner = run(training(params, toy(8), optimizer="adamw", lr=0.01, weight_decay=0.1), 1)
    net = network(params)
    optimizer = torch.optim.AdamW(net.parameters(), lr=0.01, weight_decay=0.1, foreach=False, fused=False)
    pixels = torch.from_numpy(toy(8).images).permute(0, 3, 1, 2).contiguous()
    functional.cross_entropy(net(pixels), torch.from_numpy(toy(8).labels)).backward()
    optimizer.step()
    for mine, plain in zip(learner.net.parameters(), net.parameters(), strict=True):
        torch.testing.assert_close(mine, plain, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("momentum", "decay"), [(0.9, 0.01), (0.0, 0.01), (0.9, 0.0), (0.0, 0.0)])
@pytest.mark.parametrize("schedule", ["constant", "cosine", "one_cycle"])
def test_training_equals_a_plain_loop(params: Params, schedule: str, momentum: float, decay: float) -> None:
    """An independent oracle: gradient descent with momentum written out, the same order of the images."""
    data, lr, epochs = toy(21), 0.05, 3
    recipe = {"lr": lr, "momentum": momentum, "weight_decay": decay, "schedule": schedule, "epochs": epochs, "seed": 5}
    learner = run(training(params, data, **recipe), epochs)

    net = network(params)
    velocity = [torch.zeros_like(weights) for weights in net.parameters()]
    order = torch.Generator().manual_seed(5)
    pixels = torch.from_numpy(data.images).permute(0, 3, 1, 2).contiguous()
    labels, step, losses = torch.from_numpy(data.labels), 0, []
    for _ in range(epochs):
        total = 0.0
        for rows in torch.randperm(21, generator=order).split(8):
            loss = functional.cross_entropy(net(pixels[rows]), labels[rows])
            gradients = torch.autograd.grad(loss, list(net.parameters()))
            rate = expected_rate(schedule, step, epochs * 3, lr)
            with torch.no_grad():
                for number, (weights, gradient) in enumerate(zip(net.parameters(), gradients, strict=True)):
                    velocity[number] = momentum * velocity[number] + gradient + decay * weights
                    weights -= rate * velocity[number]
            step, total = step + 1, total + loss.item() * len(rows)
        losses.append(total / 21)
    for mine, plain in zip(learner.net.parameters(), net.parameters(), strict=True):
        torch.testing.assert_close(mine, plain, rtol=1e-4, atol=1e-5)
    assert [epoch.train_loss for epoch in learner.history] == pytest.approx(losses, abs=1e-4)


@pytest.mark.parametrize("schedule", ["constant", "cosine", "one_cycle"])
@pytest.mark.parametrize(("count", "batch_size", "epochs"), [(1, 8, 1), (2, 1, 1), (9, 8, 2)])
def test_few_steps_are_enough_for_every_schedule(
    params: Params, schedule: str, count: int, batch_size: int, epochs: int
) -> None:
    learner = training(params, toy(count), schedule=schedule, batch_size=batch_size, epochs=epochs)
    run(learner, epochs)
    assert all(torch.isfinite(weights).all() for weights in learner.net.parameters())
    assert len(learner.history) == epochs


def test_every_image_is_seen_once_an_epoch_and_a_small_last_batch_counts_by_its_size(params: Params) -> None:
    heard: list[tuple[float, float]] = []
    learner = training(params, toy(19), lr=1e-9)
    epoch = learner.run_epoch(lambda loss, accuracy: heard.append((loss, accuracy)))
    assert len(heard) == learner.steps == 3
    # Hardly any learning: the mean over the batches is the mean over the images.
    loss, accuracy = score(learner.net, toy(19), 4)
    assert epoch.train_loss == pytest.approx(loss, abs=2e-6)
    assert epoch.train_accuracy == accuracy
    assert heard[-1] == pytest.approx((epoch.train_loss, epoch.train_accuracy), abs=1e-6)


def test_without_validation_images_there_are_no_validation_figures(params: Params) -> None:
    epoch = run(training(params, toy(9)), 1).history[0]
    assert (epoch.val_loss, epoch.val_accuracy) == (None, None)
    assert score(network(params), EMPTY, 8) == (None, None)


@pytest.mark.parametrize("count", [8, 40])
@pytest.mark.parametrize("val", [EMPTY, toy(6, 1)], ids=["without validation", "with validation"])
def test_a_learning_rate_that_diverges_is_one_line_about_train_lr(params: Params, count: int, val: Subset) -> None:
    learner = training(params, toy(count), val, lr=1000.0, momentum=0.99, weight_decay=10.0, epochs=100)
    with pytest.raises(DivergedError) as caught:
        learner.run()
    line = str(caught.value)
    assert "lower train.lr in params.yaml, which is 1000.0" in line
    assert len(line.splitlines()) == 1
    assert all(math.isfinite(value) for epoch in learner.history for value in vars(epoch).values() if value is not None)


def test_weights_that_blow_up_in_the_very_last_step_are_noticed(params: Params) -> None:
    learner = training(params, toy(8), epochs=1)
    with torch.no_grad():
        learner.net.get_submodule("classify").bias.fill_(torch.finfo(torch.float32).max)
    learner.optimizer.param_groups[0]["weight_decay"] = 1e9
    with pytest.raises(InputError, match=r"in epoch 1.*lower train\.lr"):
        run(learner, 1)
    assert learner.history == []


def test_a_training_ends_where_what_follows_an_epoch_gives_a_reason_and_goes_on_from_there(params: Params) -> None:
    whole, learner = training(params, toy(20)), training(params, toy(20))
    heard: list[int] = []

    def stop(epoch: Epoch, seconds: float) -> str | None:
        assert seconds > 0
        heard.append(epoch.epoch)
        return "enough" if epoch.epoch == 2 else None

    assert learner.run(stop) == "enough"
    assert heard == [1, 2] == [epoch.epoch for epoch in learner.history]
    assert learner.run() is None
    assert whole.run(lambda epoch, seconds: None) is None
    assert same_weights(whole, learner)
    assert whole.history == learner.history


def test_the_number_of_threads_is_that_of_the_parameters_and_not_of_the_environment() -> None:
    script = (
        "import torch; from crosscheck.core import devices; from crosscheck.core.params import ComputeParams;"
        "print(devices.prepare(ComputeParams(threads=3, device='cpu', portable=False)), torch.get_num_threads(),"
        " devices.fingerprint()['threads'])"
    )
    env = os.environ | {"OMP_NUM_THREADS": "7", "MKL_NUM_THREADS": "5"}
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    assert done.stdout == "cpu 3 3\n"


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_cuda_without_a_gpu_is_one_line(params: Params) -> None:
    from crosscheck.core import devices

    with pytest.raises(InputError, match=r"compute\.device is 'cuda', but torch finds no GPU here; set it to cpu"):
        devices.prepare(params.compute.model_copy(update={"device": "cuda"}))


def test_the_shipped_parameters_take_the_steps_of_the_original(params: Params) -> None:
    """850 images of each class in batches of 64 are 27 steps an epoch, as the original took them."""
    shipped = params.synthesize.images_per_class - params.split.test - params.split.val
    assert (shipped, params.split.test) == (850, 150)
    assert params.train.images_per_class == "all"
    assert training(params, toy(2 * shipped), toy(2), batch_size=params.train.batch_size).steps == 27
    study = plans.read(ROOT / "study" / "variants.yaml", ROOT / "params.yaml")
    for name in ("base", "channels_18", "three_conv", "three_conv_20", "no_pool"):
        for planned in study.of(name):
            assert (planned.params.split, planned.params.train.images_per_class) == (
                params.split.model_copy(update={"seed": planned.seed}),
                shipped,
            )
            assert planned.params.train.batch_size == 64
