"""What a network gets right that has learnt how frequent each class is, and nothing of any image.

It gives each class its share of the training images as its odds. Its loss is then the entropy of these shares, the
plateau; where all classes have the same number of images, it is ln of the number of classes. So it is where the loss
weighs all classes alike, whatever their shares: equal odds are then the best guess.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Guess:
    """Guessing by class shares; `counts` are the training images of each class, in label order.

    `balanced`: whether the loss weighs the classes, so that each counts the same.
    """

    counts: tuple[int, ...]
    balanced: bool = False

    @classmethod
    def from_labels(cls, labels: NDArray[np.int64], classes: int, balanced: bool = False) -> "Guess":
        """The guess of those who know `labels`, int64 (n,), of `classes` classes."""
        return cls(tuple(np.bincount(labels, minlength=classes).tolist()), balanced)

    @property
    def even(self) -> bool:
        """Whether all classes have the same number of training images."""
        return len(set(self.counts)) == 1

    @property
    def equal_odds(self) -> bool:
        """Whether the best guess gives all classes the same odds."""
        return self.even or self.balanced

    @property
    def loss(self) -> float:
        """The mean cross entropy in nats."""
        if self.equal_odds:
            # A sum over equal shares may differ from the logarithm in the last bit.
            return math.log(self.classes)
        shares = [count / sum(self.counts) for count in self.counts if count]
        return -sum(share * math.log(share) for share in shares)

    @property
    def classes(self) -> int:
        """How many classes have training images."""
        return sum(count > 0 for count in self.counts)

    @property
    def accuracy(self) -> float:
        """The share of the most frequent class, which is the one to name."""
        return max(self.counts) / sum(self.counts)

    def on_plateau(self, train_loss: float) -> bool:
        """Whether a training loss is about that of the guess, or above it."""
        return train_loss > 0.95 * self.loss

    @property
    def name(self) -> str:
        """What this way of guessing is called."""
        return "equal odds" if self.equal_odds else "guessing by class shares"

    @property
    def short(self) -> str:
        """The loss in a few signs."""
        return f"ln {self.classes}" if self.equal_odds else f"{self.loss:.3f}"

    @property
    def shown(self) -> str:
        """The loss as a number, with where it comes from if that can be said in short."""
        return f"{self.short} = {self.loss:.3f}" if self.equal_odds else self.short

    def most_frequent(self, classes: list[str]) -> str:
        """A phrase on the largest class, such as "97.7 % of the training images are 'cat'"."""
        return (
            f"{100 * self.accuracy:.1f} % of the training images are {classes[self.counts.index(max(self.counts))]!r}"
        )


def only_answer(predicted: NDArray[np.int64]) -> int | None:
    """The class that every image is taken for, of predicted classes (n,); None where there are several or none.

    The balanced accuracy is then 1 / classes, which is chance, however high the accuracy is.
    """
    answers = np.unique(predicted)
    return int(answers[0]) if len(answers) == 1 else None
