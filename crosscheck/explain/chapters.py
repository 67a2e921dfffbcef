"""The chapters of the report: what is computed of a network, drawn and said."""

from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray

from crosscheck.data import dataset
from crosscheck.data.dataset import Subset
from crosscheck.evaluation import predictions
from crosscheck.explain import activations, animation, attributions, figures, probes, text
from crosscheck.explain.receptive_fields import BACKBONE
from crosscheck.explain.subject import Subject
from crosscheck.network import inference, model
from crosscheck.network.checkpoint import load_checkpoint
from crosscheck.reporting import image_grids, style
from crosscheck.reporting.document import Animation, Block, Paragraph, Picture, Section
from crosscheck.training import curves, snapshots

UNITS, PER_CLASS = 64, 20


def summary(study: Subject, history: list[curves.Epoch]) -> list[str]:
    """What stands above the chapters."""
    described, kept, guess = study.trained.data_set, curves.kept(history, study.keep), study.guess
    trained = f"{kept.epoch} of {history[-1].epoch} epochs" if study.keep == "best" else f"{kept.epoch} epochs"
    which = ", since the validation loss was lowest then" if study.keep == "best" else ""
    # Where one class is much larger than the others, a high accuracy says little.
    beside = "" if guess.even else f"; always naming the most frequent class gives {guess.accuracy:.2%}"
    return [
        f"A network with {model.parameter_count(study.trained.net):,} parameters, for images of {described.height} x "
        f"{described.width} px of {len(described.classes)} classes, after {trained}{which}; training accuracy "
        f"{kept.train_accuracy:.2%} in the last{beside}.",
        "Where a picture compares with untrained weights, these are the weights that the training began with: "
        "what they can already do is not learnt.",
    ]


def write_layers(study: Subject) -> list[Section]:
    """A section for each layer: sentences, kernels, responses to test images, exciting patches of training images."""
    scanned = activations.sample(study.train, study.params.images, len(study.classes))
    told = []
    for response in activations.find_responses(study.trained.net, study.layers, scanned, study.batch):
        name = response.layer.name
        heading = f"{name}, which sees {text.seen(response.layer)}"
        blocks: list[Block] = [
            *describe_backbone(study, name),
            *map(Paragraph, text.describe_layer(response, scanned.labels, study.classes)),
            *show_kernels(study, name),
            show_responses(study, response),
            show_patches(study, response, scanned),
        ]
        told.append(Section(heading, blocks, name))
    return told


def describe_backbone(study: Subject, name: str) -> list[Paragraph]:
    """What is to be said of the layer `name` where it is a backbone."""
    if name != BACKBONE:
        return []
    parts = study.trained.net.get_submodule(name).modules()
    convolutions = sum(isinstance(part, torch.nn.Conv2d) for part in parts)
    return [Paragraph(text.describe_backbone(study.trained.params, convolutions))]


def save_picture(study: Subject, name: str, figure: Figure, caption: str, folder: Path | None = None) -> Picture:
    """Save the figure as NAME.png in `folder`, or else among the report's pictures."""
    file = (folder or study.pictures) / f"{name}.png"
    style.save(figure, file, study.params.dpi)
    return Picture(file, caption)


def show_kernels(study: Subject, name: str) -> list[Picture]:
    """The kernels of the layer `name`, where it has any; of a backbone, those of its first convolution."""
    pictures: list[Picture] = []
    for part in study.trained.net.get_submodule(name).modules():
        if isinstance(part, torch.nn.Conv2d) and not (pictures and name == BACKBONE):
            figure = image_grids.draw_kernels(part.weight.detach().numpy(), name)
            caption = f"The kernels of {name}, on one scale: red adds, blue subtracts."
            pictures.append(save_picture(study, f"kernels_{name}", figure, caption, study.kernels))
    return pictures


def show_responses(study: Subject, response: activations.Response) -> Picture:
    """Of maps: the response to the first test image of each class; of single values: to 20 of each class."""
    name, names = response.layer.name, study.classes[: study.params.classes]
    if response.layer.has_maps:
        channels = response.drawn(study.params.channels)
        examples = activations.one_of_each_class(study.shown_test)
        values = compute_values(study.trained.net, name, examples)[:, channels]
        maps = figures.DrawnMaps(values, channels, response.dead[channels])
        title = f"{name}: responses to n = {len(examples)} test images, one of each class, on one scale"
        figure = figures.draw_maps(maps, examples, [names[label] for label in examples.labels], title)
    else:
        units = response.drawn(UNITS)
        examples = dataset.first_of_each_class(study.shown_test, PER_CLASS)
        values = compute_values(study.trained.net, name, examples)[:, units]
        which = "" if len(units) == response.channels else f", the {len(units)} that vary most"
        title = f"{name}: {response.channels:,} units{which}, for n = {len(examples)} test images"
        figure = figures.draw_units(values, units, examples.labels, names, title)
    return save_picture(study, f"responses_{name}", figure, f"{title}.")


def show_patches(study: Subject, response: activations.Response, scanned: Subset) -> Picture:
    """The parts of the images `scanned` to which the layer's channels respond most."""
    channels = response.drawn(study.params.channels)
    unit = "channel" if response.layer.has_maps else "unit"
    seen = f"the receptive fields where each {unit}" if response.layer.step else "the images to which each unit"
    title = f"{response.layer.name}: {seen} responds most, of n = {len(scanned):,} training images"
    figure = figures.draw_patches(response, channels, scanned, study.params.patches, title)
    which = "the first" if response.layer.step else "those that vary most,"
    cut = f"; {which} {len(channels)} of {response.channels:,} {unit}s" if len(channels) < response.channels else ""
    once = "; at most one of an image" if response.layer.step else ""
    caption = f"{title}, the strongest first, with the value{once}{cut}."
    return save_picture(study, f"patches_{response.layer.name}", figure, caption)


def compute_values(net: torch.nn.Sequential, name: str, subset: Subset) -> NDArray[np.float32]:
    """What the layer `name` gives for a few images, float32 (n, channels, ...)."""
    pixels = torch.from_numpy(subset.images.transpose(0, 3, 1, 2).copy())
    found = next(values for each, values in inference.outputs(net, pixels) if each == name)
    return np.asarray(found.numpy())


def write_probes(study: Subject) -> Section:
    """What each layer knows: linear probes, and the test images in two dimensions, trained against untrained."""
    names = [probes.IMAGE, *(layer.name for layer in study.layers)]
    shown = ["image", *names[1:]]
    nets = study.trained.net, study.untrained
    probing = study.probing
    found = probes.LayerAccuracies(shown, *(probing.accuracies(net, names, study.batch, study.threads) for net in nets))
    fitted, scored = len(probing.fitted), len(probing.scored)
    cut = f", first {probes.MOST_CLASSES} classes" if len(study.classes) > probes.MOST_CLASSES else ""
    caption = (
        f"Logistic regression on what each layer gives, maps averaged over a grid of at most {probes.GRID} x "
        f"{probes.GRID} cells; fitted on n = {fitted} training images, scored on n = {scored} {probing.source} "
        f"images{cut}."
    )
    chart = figures.draw_probes(found, probing.chance, fitted, scored)
    blocks: list[Block] = [
        Paragraph(text.describe_probes(found)),
        save_picture(study, "probes", chart, caption),
        show_views(study, names, shown),
    ]
    return Section("Linear probes", blocks, "probes")


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
    return save_picture(study, "views", figure, f"{title}. Only shown: nothing is fitted to their classes.")


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
        caption = f"{title}. Trained and untrained share a scale; below each map, its extremes."
        pictures.append(save_picture(study, f"attribution_{word}", figures.draw_attributions(found, title), caption))
    return Section("Attribution", [*map(Paragraph, sentences), *pictures], "attribution")


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
        blocks: list[Block] = [Paragraph(words), animate(study, files, history, kept)]
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
    return Animation([Picture(file, caption) for file, caption in zip(drawn, captions, strict=True)], gif)


def scene(study: Subject, epoch: int, net: torch.nn.Sequential, examples: Subset) -> animation.Scene:
    """The network after `epoch` as the animation shows it."""
    names = [layer.name for layer in study.layers]
    last_block = [name for name in names if name.startswith(model.MAPS)][-1]
    kernels = next(part for part in net.modules() if isinstance(part, torch.nn.Conv2d)).weight.detach()
    accuracies = study.probing.accuracies(net, names, study.batch, study.threads)
    maps = compute_values(net, last_block, examples)
    return animation.Scene(epoch, kernels.mean(dim=1).numpy(), maps, dict(zip(names, accuracies, strict=True)))
