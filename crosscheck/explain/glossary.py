"""The words of the report that a student may meet here for the first time: what they mean, and links to that.

Each meaning is the one in docs/reference/glossary.md; a test holds them together.
"""

import re
from dataclasses import dataclass
from functools import cache

from crosscheck.reporting.document import Link, Page, Part, Section, Term, Terms, Words

# From the folder of the report.
DOCUMENTATION = "../docs"
GLOSSARY = "reference/glossary.md"


@dataclass(frozen=True)
class Entry:
    """A word as the glossary names it; `forms`, a regular expression, matches it in a sentence.

    `page`: the page of the documentation that tells more.
    """

    name: str
    forms: str
    meaning: str
    page: str = GLOSSARY

    @property
    def anchor(self) -> str:
        return "-".join(["word", *re.findall(r"\w+", self.name.lower())])


ENTRIES = [
    Entry(
        name="channel",
        forms="channels?",
        meaning="one map of a layer; the grey or the red, green and blue values of an image",
        page="concepts/channels.md",
    ),
    Entry(
        name="confidence interval",
        forms="95 % interval",
        meaning="the values that agree with what was seen",
        page="reference/outputs.md",
    ),
    Entry(
        name="convolution, kernel",
        forms="kernels?|convolutions?",
        meaning="the same few weights at every place of the image",
        page="concepts/weight-sharing.md",
    ),
    Entry(name="dead unit", forms="dead", meaning="a channel that gives 0 for every image"),
    Entry(
        name="linear probe",
        forms="(?:linear )?probes?",
        meaning="a linear classifier on a layer's values: what the layer knows",
        page="concepts/feature-levels.md",
    ),
    Entry(name="logits", forms="logits?", meaning="the network's outputs before softmax"),
    Entry(
        name="nat",
        forms="nats?",
        meaning="the unit of the loss; equal odds for two classes cost ln 2 = 0.693 nats",
        page="concepts/plateau.md",
    ),
    Entry(
        name="nearest neighbour (1-NN)",
        forms=r"nearest neighbour(?: \(1-NN\))?",
        meaning="the class of the most similar training image",
        page="reference/outputs.md",
    ),
    Entry(
        name="plateau",
        forms="plateau",
        meaning="the loss stays at the loss of guessing",
        page="concepts/plateau.md",
    ),
    Entry(
        name="receptive field",
        forms="receptive fields?",
        meaning="the part of the image that a value can see",
        page="concepts/feature-levels.md",
    ),
]


def link_words(sentence: str) -> Words:
    """The sentence, in which the first appearance of each word leads to its meaning.

    Not for sentences with names of classes: a class may be called "dead".
    """
    parts: list[Part] = []
    linked: set[Entry] = set()
    end = 0
    for match in _pattern().finditer(sentence):
        entry = ENTRIES[(match.lastindex or 1) - 1]
        if entry not in linked:
            linked.add(entry)
            parts += [sentence[end : match.start()], Link(match.group(), entry.anchor)]
            end = match.end()
    return [*parts, sentence[end:]] if parts else sentence


@cache
def _pattern() -> re.Pattern[str]:
    """Matches any form of any entry, each in a group of its own."""
    return re.compile("|".join(rf"(\b(?:{entry.forms})(?!\w))" for entry in ENTRIES), re.IGNORECASE)


def write_glossary() -> Section:
    """A section with all words and their meanings, each with the page that tells more."""
    return Section("Words", [Terms([_explain(entry) for entry in ENTRIES])], "words")


def _explain(entry: Entry) -> Term:
    more = Page(f"docs/{entry.page}", f"{DOCUMENTATION}/{entry.page}")
    return Term(entry.name, [f"{entry.meaning} (", more, ")"], entry.anchor)
