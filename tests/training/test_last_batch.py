"""A last batch of one image, which batch normalisation cannot take, joins the batch before it."""

import pytest
from helpers.two_class_trainings import TOY, expected_rate, run, toy, training

from crosscheck.core.errors import InputError
from crosscheck.core.params import Params
from crosscheck.study import single_run
from crosscheck.study.resplit import PackedImages
from crosscheck.training.trainer import Trainer

pytestmark = pytest.mark.usefixtures("one_thread")


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
