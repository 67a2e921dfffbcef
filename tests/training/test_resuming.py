"""A training repeats itself to the bit, and goes on after an interruption as if there were none."""

import io

import pytest
import torch
from helpers.two_class_trainings import run, same_weights, toy, training

from crosscheck.core.params import Params

pytestmark = pytest.mark.usefixtures("one_thread")


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
