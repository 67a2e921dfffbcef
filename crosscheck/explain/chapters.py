"""The chapters of the report: what is computed of a network, drawn and said."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from crosscheck.data.dataset import Subset
from crosscheck.evaluation import predictions
from crosscheck.explain import activations, alternatives, animation, attributions, figures, probes, text
from crosscheck.explain.glossary import link_words
from crosscheck.explain.layer_pictures import (
    compute_values,
    save_picture,
    show_kernels,
    show_patches,
    show_responses,
)
from crosscheck.explain.receptive_fields import BACKBONE
from crosscheck.explain.subject import Subject
from crosscheck.network import model
from crosscheck.network.checkpoint import load_checkpoint
from crosscheck.reporting import style
from crosscheck.reporting.document import Animation, Block, Paragraph, Picture, Section
from crosscheck.training import curves, snapshots


def write_layers(study: Subject) -> list[Section]:
    """A section for each layer: sentences, kernels, responses to test images, exciting patches of training images."""
    scanned = activations.sample(study.train, study.params.images, len(study.classes))
    told = []
    for response in activations.find_responses(study.trained.net, study.layers, scanned, study.batch):
        name = response.layer.name
        size, values, favourites = text.describe_layer(response, scanned.labels, study.classes)
        blocks: list[Block] = [
            *describe_backbone(study, name),
            Paragraph(link_words(size)),
            Paragraph(link_words(values)),
            Paragraph(favourites),
            *show_kernels(study, name),
            show_responses(study, response),
            *show_patches(study, response, scanned),
        ]
        told.append(Section(f"{name}: {text.name_parts(name, study.trained)}", blocks, name))
    return told


def describe_backbone(study: Subject, name: str) -> list[Paragraph]:
    """What is to be said of the layer `name` where it is a backbone."""
    if name != BACKBONE:
        return []
    parts = study.trained.net.get_submodule(name).modules()
    convolutions = sum(isinstance(part, torch.nn.Conv2d) for part in parts)
    return [Paragraph(text.describe_backbone(study.trained.params, convolutions))]


def write_probes(study: Subject) -> Section:
    """What each layer knows: linear probes, and the test images in two dimensions, trained against untrained."""
    names = [probes.IMAGE, *(layer.name for layer in study.layers)]
    shown = ["image", *names[1:]]
    nets = study.trained.net, study.untrained
    probing = study.probing
    found = probes.LayerAccuracies(shown, *(probing.accuracies(net, names, study.batch, study.threads) for net in nets))
    fitted, scored = len(probing.fitted), len(probing.scored)
    cut = f" Only the first {probes.MOST_CLASSES} classes are used." if len(study.classes) > probes.MOST_CLASSES else ""
    caption = (
        "How well the classes can be told apart at each layer: by logistic regression on what the layer gives, maps "
        f"averaged over a grid of at most {probes.GRID} x {probes.GRID} cells. It is fitted on training images; the "
        f"accuracy is that on {probing.source} images.{cut}"
    )
    chart = figures.draw_probes(found, probing.chance, fitted, scored)
    blocks: list[Block] = [
        Paragraph(link_words(text.describe_probes(found))),
        save_picture(study, "probes", chart, caption, alternatives.describe_probes(found)),
        show_views(study, names, shown),
    ]
    return Section("Linear probes: what each layer knows", blocks, "probes")


def show_views(study: Subject, names: list[str], shown: list[str]) -> Picture:
    """The test images at the layers `names`, which the picture calls `shown`."""
    drawn = study.classes[: study.params.classes]
    some = activations.sample(study.shown_test, study.params.probe_images, len(drawn))
    values = [probes.features(net, names, some, study.batch) for net in (study.trained.net, study.untrained)]
    seen = [
        figures.Seen(word, *(probes.view(found[name], study.threads) for found in values))
        for word, name in zip(shown, names, strict=True)
    ]
    title = f"Test images at each layer, along two principal components (n = {len(some)})"
    figure = figures.draw_views(seen, some.labels, drawn, title)
    caption = "A point is an image. Where colours lie apart, the layer tells the classes apart. The axes know no class."
    return save_picture(study, "views", figure, caption, alternatives.describe_views(title, seen))


def write_attributions(study: Subject, answered: predictions.Predictions) -> Section:
    """Why some test images were answered rightly and some wrongly, beside the same maps for untrained weights."""
    most, n = study.params.attributions, len(study.test)
    height, width = attributions.window(study.trained)
    sentences = [
        f"Occlusion: by how much the log odds of the answer fall where {height} x {width} px are painted over with "
        "paper. Grad-CAM: by how much they would rise if the channels of the last convolution were everywhere as they "
        "are here; it weighs all places alike, which a dense layer does not. Red speaks for the answer, blue against; "
        f"nothing below {figures.NOTHING} nats counts as evidence."
    ]
    pictures = []
    right, wrong = (np.flatnonzero((answered.predicted == answered.labels) == kind) for kind in (True, False))
    # Of right answers one of each class first, of mistakes the most confident.
    right = right[np.argsort(_turns(answered.labels[right]), kind="stable")]
    wrong = wrong[np.argsort(-answered.probabilities.max(axis=1)[wrong], kind="stable")]
    for word, rows in (("right", right), ("wrong", wrong)):
        if not len(rows):
            sentences.append(f"There is no {word} answer to explain among n = {n} test images.")
            continue
        found = [attribution(study, int(row), int(answered.predicted[row])) for row in rows[:most]]
        title = (
            f"Reasons for {len(found)} of {len(rows)} {word} answers (n = {n} test images): "
            "red speaks for the answer, blue against it"
        )
        instead = alternatives.describe_attributions(title, found)
        caption = "Trained and untrained share a scale. Below each map stand its lowest and its highest value."
        figure = figures.draw_attributions(found, title)
        pictures.append(save_picture(study, f"attribution_{word}", figure, caption, instead))
    blocks: list[Block] = [*map(Paragraph, map(link_words, sentences)), *pictures]
    return Section("Attribution: which part of an image decides", blocks, "attribution")


def attribution(study: Subject, row: int, answer: int) -> figures.Attribution:
    """The test image of `row` and the reasons for `answer`."""
    image = np.asarray(study.test.images[row])
    maps = [attributions.reasons(net, study.trained, image, answer) for net in (study.trained.net, study.untrained)]
    return figures.Attribution(image, study.classes[study.test.labels[row]], study.classes[answer], maps[0], maps[1])


def _turns(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each image, how many of its class come before it."""
    turns = np.zeros_like(labels)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        turns[members] = np.arange(len(members))
    return turns


def write_animation(study: Subject, folder: Path, history: list[curves.Epoch]) -> Section:
    """The animation with what it shows, from the snapshots in `folder`; without snapshots, why there is none."""
    files, left_out = snapshots.read(folder)
    if study.trained.params.freeze:
        files, left_out = {}, "the backbone is frozen, so its kernels and maps do not move"
    kept = curves.kept(history, study.keep).epoch if study.keep == "best" else None
    words = text.describe_training(history, study.guess, list(files), kept)
    if files:
        blocks: list[Block] = [Paragraph(link_words(words)), animate(study, files, history, kept)]
    else:
        blocks = [Paragraph(f"There is no animation: {left_out or 'train.snapshots is 0'}. {words}")]
    return Section("Training animation", blocks, "animation")


def animate(study: Subject, files: dict[int, Path], history: list[curves.Epoch], kept: int | None) -> Animation:
    """Draw the frames, one for each snapshot in `files`, by epoch, and join them in training.gif.

    `kept`: the epoch whose network the report is about, or None where that is the last one anyway.
    """
    examples = activations.one_of_each_class(activations.take_first_classes(study.test, animation.MOST_EXAMPLES))
    scenes = [scene(study, epoch, load_checkpoint(file).net, examples) for epoch, file in files.items()]
    names = [study.classes[label] for label in examples.labels]
    story = animation.Story(scenes, history, study.guess, names, len(study.probing.scored), kept)
    drawn = style.save_all(animation.draw_frames(story), study.folder / "frames", animation.DPI).values()
    gif = study.folder / "training.gif"
    animation.write_gif(list(drawn), gif)
    captions = [animation.caption(epoch, history, study.guess, kept) for epoch in files]
    frames = zip(drawn, captions, alternatives.describe_frames(story), strict=True)
    return Animation([Picture(file, caption, instead=instead) for file, caption, instead in frames], gif)


def scene(study: Subject, epoch: int, net: torch.nn.Sequential, examples: Subset) -> animation.Scene:
    """The network after `epoch` as the animation shows it."""
    names = [layer.name for layer in study.layers]
    last_block = [name for name in names if name.startswith(model.MAPS)][-1]
    kernels = next(part for part in net.modules() if isinstance(part, torch.nn.Conv2d)).weight.detach()
    accuracies = study.probing.accuracies(net, names, study.batch, study.threads)
    maps = compute_values(net, last_block, examples)
    return animation.Scene(epoch, kernels.mean(dim=1).numpy(), maps, dict(zip(names, accuracies, strict=True)))
