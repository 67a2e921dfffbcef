"""What one gets without training a network, for each variant of a study: two baselines.

Variants may be trained and tested on different images, so that no variant's baselines hold for all others.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from crosscheck.evaluation import metrics
from crosscheck.study import resplit
from crosscheck.study.resplit import PackedImages, SplitImages
from crosscheck.study.runs import Run

# As for the pipeline's own baseline: more would take long, and hardly change it.
MOST_NEIGHBOURS = 2000


@dataclass(frozen=True)
class Baseline:
    """What one gets without training a network, with `images` training images, on the test images of the first seed.

    The accuracies of always naming the class that is most frequent in training, and of the nearest training image.
    """

    images: int
    majority: float
    neighbour: float


def find(runs: Mapping[str, Sequence[Run]], packed: PackedImages) -> dict[str, Baseline]:
    """The baselines of each variant by name, on the images of its first seed.

    Raises InputError as `split_again` does.
    """
    known: dict[str, Baseline] = {}
    found = {}
    for name, each in runs.items():
        split, count = each[0].planned.params.split, each[0].planned.params.train.images_per_class
        images = f"{split} {count}"
        if images not in known:
            known[images] = _baseline(resplit.split_again(packed, split, count))
        found[name] = known[images]
    return found


def _baseline(subsets: SplitImages) -> Baseline:
    train, test = subsets.train, subsets.test
    reference = train.images[:MOST_NEIGHBOURS], train.labels[:MOST_NEIGHBOURS]
    return Baseline(
        images=len(train),
        majority=round(metrics.majority_accuracy(train.labels, test.labels), 6),
        neighbour=round(metrics.nearest_neighbour_accuracy(*reference, test.images, test.labels), 6),
    )


def shared(baselines: Collection[Baseline]) -> dict[str, Any]:
    """The baselines as JSON, the second by number of training images; None where the variants do not agree."""

    def common(values: set[float]) -> float | None:
        return values.pop() if len(values) == 1 else None

    sizes = dict.fromkeys(each.images for each in baselines)
    return {
        "majority": common({each.majority for each in baselines}),
        "neighbour": {n: common({each.neighbour for each in baselines if each.images == n}) for n in sizes},
    }
