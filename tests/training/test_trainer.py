"""Training: it learns, repeats itself to the bit, goes on after an interruption, and equals plain PyTorch."""

import io
import math
import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import torch
from helpers.repository import ROOT
from helpers.trainings import draw
from torch import nn
from torch.nn import functional

from crosscheck.core.errors import InputError
from crosscheck.core.params import ModelParams, Params, TrainParams
from crosscheck.data.dataset import DataSet, Subset
from crosscheck.network import model
from crosscheck.network.inference import batch, compute_logits
from crosscheck.study import plans, single_run
from crosscheck.study.resplit import PackedImages
from crosscheck.training.curves import Epoch
from crosscheck.training.trainer import DivergedError, Trainer
from crosscheck.training.validation import score

TOY = DataSet(["bars", "dots"], 12, 12, 1, "stretch", 255)
CPU = torch.device("cpu")
EMPTY = Subset(np.zeros((0, 12, 12, 1), np.uint8), np.zeros(0, np.int64))
pytestmark = pytest.mark.usefixtures("one_thread")


def toy(count: int, seed: int = 0) -> Subset:
    """`count` noisy images of two classes by turns."""
    return draw(np.arange(count, dtype=np.int64) % 2, seed)


def network(params: Params, seed: int = 0) -> nn.Sequential:
    small = {"channels": 3, "further_channels": [2], "hidden": [8], "invert": True}
    torch.manual_seed(seed)
    return model.build(ModelParams.model_validate({**params.model.model_dump(), **small}), TOY)


def training(params: Params, train: Subset, val: Subset = EMPTY, net_seed: int = 0, **recipe: Any) -> Trainer:
    wanted = TrainParams.model_validate({**params.train.model_dump(), "batch_size": 8, "epochs": 4, **recipe})
    return Trainer(network(params, net_seed), train, val, wanted, CPU)


def run(learner: Trainer, epochs: int) -> Trainer:
    for _ in range(epochs):
        learner.run_epoch()
    return learner


def same_weights(one: Trainer, other: Trainer) -> bool:
    mine, yours = one.net.state_dict(), other.net.state_dict()
    return all(torch.equal(mine[name], yours[name]) for name in mine)


def test_model_can_memorise_eight_images(params: Params) -> None:
    random = np.random.default_rng(0)
    eight = Subset(random.integers(0, 256, (8, 12, 12, 1), dtype=np.uint8), np.array([0, 1, 1, 0, 1, 0, 0, 1]))
    learner = run(training(params, eight, lr=0.2, momentum=0.9, epochs=150), 150)
    assert learner.history[-1].train_accuracy == 1.0
    assert learner.history[-1].train_loss < 0.01
    assert score(learner.net, eight, 3)[1] == 1.0


def test_the_same_seed_repeats_itself_to_the_bit_and_another_does_not(params: Params) -> None:
    first, again = (run(training(params, toy(20), toy(7, 1), momentum=0.9), 4) for _ in range(2))
    assert same_weights(first, again)
    assert first.history == again.history
    assert not same_weights(first, run(training(params, toy(20), toy(7, 1), momentum=0.9, seed=1), 4))
    assert not same_weights(first, run(training(params, toy(20), toy(7, 1), momentum=0.9, net_seed=1), 4))


@pytest.mark.parametrize("momentum", [0.9, 0.0])
@pytest.mark.parametrize("schedule", ["constant", "cosine", "one_cycle"])
@pytest.mark.parametrize("epochs_before", [0, 1, 3])
def test_training_goes_on_after_an_interruption_as_if_there_were_none(
    params: Params, schedule: str, epochs_before: int, momentum: float
) -> None:
    recipe = {"schedule": schedule, "momentum": momentum, "weight_decay": momentum / 90, "lr": 0.05}
    whole = run(training(params, toy(21), toy(6, 1), **recipe), 4)
    file = io.BytesIO()
    torch.save(run(training(params, toy(21), toy(6, 1), **recipe), epochs_before).state(), file)
    file.seek(0)
    torch.rand(5)
    resumed = training(params, toy(21), toy(6, 1), net_seed=8, **recipe)
    resumed.restore(torch.load(file, weights_only=True))
    run(resumed, 4 - epochs_before)
    assert same_weights(whole, resumed)
    assert whole.history == resumed.history


def test_two_trainings_restored_from_one_state_do_not_disturb_each_other(params: Params) -> None:
    whole = run(training(params, toy(20), momentum=0.9), 4)
    begun = run(training(params, toy(20), momentum=0.9), 2)
    state = begun.state()
    others = [training(params, toy(20), momentum=0.9, net_seed=8) for _ in range(2)]
    for other in others:
        other.restore(state)
    for learner in (*others, begun):
        run(learner, 2)
        assert same_weights(whole, learner)


@pytest.mark.parametrize("schedule", ["constant", "one_cycle"])
def test_adamw_and_batch_norm_go_on_after_an_interruption_too(params: Params, schedule: str) -> None:
    varied = params.model_copy(update={"model": params.model.model_copy(update={"norm": "batch"})})
    recipe = {"optimizer": "adamw", "lr": 0.01, "weight_decay": 0.1, "schedule": schedule}
    whole = run(training(varied, toy(20), toy(6, seed=1), **recipe), 4)
    begun = run(training(varied, toy(20), toy(6, seed=1), **recipe), 2)
    resumed = training(varied, toy(20), toy(6, seed=1), net_seed=8, **recipe)
    resumed.restore(begun.state())
    run(resumed, 2)
    assert same_weights(whole, resumed)
    assert whole.history == resumed.history


def test_half_precision_repeats_itself_goes_on_and_stays_near_single_precision(params: Params) -> None:
    recipe = {"precision": "bfloat16", "momentum": 0.9, "lr": 0.05}
    whole, begun = (run(training(params, toy(21), toy(6, 1), **recipe), epochs) for epochs in (4, 2))
    resumed = training(params, toy(21), toy(6, 1), net_seed=8, **recipe)
    resumed.restore(begun.state())
    run(resumed, 2)
    assert same_weights(whole, resumed)
    assert whole.history == resumed.history
    single = run(training(params, toy(21), toy(6, 1), momentum=0.9, lr=0.05), 4)
    assert not same_weights(whole, single)
    assert all(weights.dtype == torch.float32 for weights in whole.net.parameters())
    assert whole.history[0].train_loss == pytest.approx(single.history[0].train_loss, abs=0.01)


def test_adamw_is_that_of_pytorch(params: Params) -> None:
    learner = run(training(params, toy(8), optimizer="adamw", lr=0.01, weight_decay=0.1), 1)
    net = network(params)
    optimizer = torch.optim.AdamW(net.parameters(), lr=0.01, weight_decay=0.1, foreach=False, fused=False)
    pixels = torch.from_numpy(toy(8).images).permute(0, 3, 1, 2).contiguous()
    functional.cross_entropy(net(pixels), torch.from_numpy(toy(8).labels)).backward()
    optimizer.step()
    for mine, plain in zip(learner.net.parameters(), net.parameters(), strict=True):
        torch.testing.assert_close(mine, plain, rtol=1e-4, atol=1e-5)


def with_batch_norm(params: Params) -> Params:
    return params.model_copy(update={"model": params.model.model_copy(update={"norm": "batch"})})


@pytest.mark.parametrize(("count", "batch_size"), [(8, 1), (1, 8)])
def test_batches_of_one_are_refused_with_batch_norm(params: Params, count: int, batch_size: int) -> None:
    with pytest.raises(InputError, match=rf"train.batch_size={batch_size} makes batches of one of {count} images"):
        training(with_batch_norm(params), toy(count), batch_size=batch_size)
    training(params, toy(count), batch_size=batch_size)


def sizes_of_batches(learner: Trainer) -> list[int]:
    """The images that the network sees in each step of the next epoch, with bfloat16, which no copy of it computes."""
    seen: list[int] = []
    hook = learner.net.get_submodule("block1").register_forward_pre_hook(
        lambda layer, given: seen.append(len(given[0])) if layer.training else None
    )
    run(learner, 1)
    hook.remove()
    return seen


@pytest.mark.parametrize(
    ("count", "sizes"),
    [
        (257, [32] * 7 + [33]),
        (9, [9]),
        (33, [33]),
        (65, [32, 33]),
        (64, [32, 32]),
        (66, [32, 32, 2]),
        (31, [31]),
    ],
)
def test_a_last_batch_of_one_is_merged_into_the_one_before_it_with_batch_norm(
    params: Params, count: int, sizes: list[int]
) -> None:
    size = 8 if count == 9 else 32
    learner = training(with_batch_norm(params), toy(count), toy(1, 1), batch_size=size, precision="bfloat16")
    assert learner.steps == len(sizes)
    assert sizes_of_batches(learner) == sizes
    assert learner.history[0].val_loss is not None, "one validation image is enough: nothing is normalised by it"
    plain = training(params, toy(count), batch_size=size, precision="bfloat16")
    assert sizes_of_batches(plain) == [min(size, count - start) for start in range(0, count, size)]


def test_a_run_of_a_study_trains_with_a_last_batch_of_one_too(params: Params) -> None:
    images = toy(24)
    names = [str(number) for number in range(24)]
    stock = PackedImages(TOY, images.images, images.labels, names, names)
    small = {"channels": 3, "further_channels": [2], "hidden": [8], "invert": True, "norm": "batch"}
    content = params.model_dump()
    content["data"] |= {"height": 12, "width": 12}
    content["split"] |= {"test": 4, "val": 1}
    content["model"] |= small
    # Fourteen training images: one whole batch, and one image over.
    content["train"] |= {"batch_size": 13, "epochs": 2, "schedule": "one_cycle"}
    content["compute"] |= {"threads": 1, "portable": False}
    result, _ = single_run.execute(Params.model_validate(content), stock)
    assert len(result.curve.train_loss) == 2
    assert result.data.train_images_of_class == [7, 7]


@pytest.mark.parametrize("schedule", ["cosine", "one_cycle"])
def test_the_schedule_ends_with_the_last_step_where_a_last_batch_was_merged(params: Params, schedule: str) -> None:
    learner = training(with_batch_norm(params), toy(17), lr=0.2, schedule=schedule)
    assert learner.steps == 2
    rates = []
    for _ in range(4):
        run(learner, 1)
        rates.append(learner.optimizer.param_groups[0]["lr"])
    assert rates == pytest.approx([expected_rate(schedule, 2 * epoch, 8, 0.2) for epoch in (1, 2, 3, 4)])
    assert rates[-1] < 1e-5


def expected_rate(schedule: str, step: int, total: int, lr: float) -> float:
    if schedule == "cosine":
        return lr * (1 + math.cos(math.pi * step / total)) / 2
    if schedule == "one_cycle":
        rise = 0.3 * (total + 1) - 1
        if step <= rise:
            low, high, share = lr / 25, lr, step / rise
        else:
            low, high, share = lr, lr / 25 / 1e4, (step - rise) / (total - rise)
        return high + (low - high) * (1 + math.cos(math.pi * share)) / 2
    return lr


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


def test_batches_are_the_rows_asked_for_in_channels_last_memory() -> None:
    random = np.random.default_rng(0)
    data = Subset(random.integers(0, 256, (5, 4, 6, 3), dtype=np.uint8), np.arange(5))
    images, labels = batch(data, np.array([3, 0]), CPU)
    assert (images.shape, images.dtype, labels.tolist()) == ((2, 3, 4, 6), torch.uint8, [3, 0])
    assert images.is_contiguous(memory_format=torch.channels_last)
    assert np.array_equal(images[0].permute(1, 2, 0).numpy(), data.images[3])
    images.zero_()
    assert data.images.any()


def test_logits_come_in_order_whatever_the_batch_size(params: Params) -> None:
    net, data = network(params), toy(11)
    whole = compute_logits(net, data, 11)
    assert whole.shape == (11, 2)
    for size in (1, 4, 1000):
        torch.testing.assert_close(compute_logits(net, data, size), whole, rtol=1e-5, atol=1e-6)
    loss, accuracy = score(net, data, 4)
    assert loss == pytest.approx(functional.cross_entropy(whole, torch.from_numpy(data.labels)).item(), abs=1e-6)
    assert accuracy == pytest.approx(float((whole.argmax(1).numpy() == data.labels).mean()), abs=1e-6)


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
        for run in study.of(name):
            assert (run.params.split, run.params.train.images_per_class) == (
                params.split.model_copy(update={"seed": run.seed}),
                shipped,
            )
            assert run.params.train.batch_size == 64
