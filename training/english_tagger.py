"""Train the tagger of `pipelines/english/context.py`, and write its table of word classes.

    python -m training.english_tagger WORDNET OUT [--silver TAGGED]

WORDNET is the folder with the database files of WordNet 3.0 (Debian's package `wordnet-base`). Its
example sentences show one word each in a known part of speech. TAGGED adds sentences that another
tagger has tagged, a JSON list of `[word, Penn tag]` a line: those of the weights that ship are the
same examples, tagged by spaCy's `en_core_web_sm` 3.8, at 0.3 of the weight.

Multinomial logistic regression over the features of `context.features`, by Adagrad. The features
use the table of classes that is installed: train again after installing a new one. Weights are
kept as signed bytes under the CRC-32 of their feature.
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
import zlib
from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import nn

from pipelines.english.context import TAGS, features

POS = {"noun": "N", "verb": "V", "adj": "A"}
PENN = {"NN": "N", "NNS": "N", "VB": "V", "VBP": "V", "VBZ": "V", "JJ": "A"}
SILVER_WEIGHT, UNAMBIGUOUS_WEIGHT = 0.3, 0.4
EPOCHS, BATCH, RATE = 6, 256, 0.15
LEAST_WEIGHT = 0.12
"""Features that matter less are left out."""
_TOKEN = re.compile(r"[A-Za-z]+(?:['’-][A-Za-z]+)*|[0-9]+|[.,;:!?]")

Example = tuple[list[str], int, str, float]
"""Words, place, tag and weight."""


class WordNet:
    """Its index of words and its example sentences."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.index = {name: self._words(f"index.{name}") for name in (*POS, "adv")}

    def _words(self, name: str) -> set[str]:
        lines = (self._folder / name).read_text("utf-8").splitlines()
        return {line.split()[0] for line in lines if not line.startswith(" ")}

    @cached_property
    def _irregular(self) -> dict[str, set[str]]:
        return {name: self._words(f"{name}.exc") for name in POS}

    def kinds(self, word: str) -> str:
        """What `context.word_class` gives for a word of no closed class."""
        nouns, verbs = self.index["noun"], self.index["verb"]
        kinds = ""
        if word in nouns:
            kinds += "n"
        elif word in self._irregular["noun"] or _base(word, _PLURALS, nouns):
            kinds += "p"
        if word in verbs:
            kinds += "v"
        elif word in self._irregular["verb"]:
            kinds += "d"
        else:
            kinds += next((k for k, e in _VERB_ENDINGS.items() if _base(word, e, verbs)), "")
        return kinds + "a" * (word in self.index["adj"]) + "r" * (word in self.index["adv"])

    def ambiguous(self, word: str) -> bool:
        """Whether a word may be of two parts of speech."""
        return sum(word in self.index[name] for name in POS) > 1

    def examples(self) -> Iterator[Example]:
        """Each example with the place of the word that it shows, in its base or -s form."""
        for name, tag in POS.items():
            for line in (self._folder / f"data.{name}").read_text("utf-8").splitlines():
                if line.startswith(" ") or "|" not in line:
                    continue
                head, gloss = line.split("|", 1)
                fields = head.split()
                lemmas = {
                    re.sub(r"\(.*", "", w).lower()
                    for w in fields[4 : 4 + 2 * int(fields[3], 16) : 2]
                }
                for quoted in re.findall(r'"([^"]+)"', gloss):
                    yield from self._shown(_TOKEN.findall(quoted), lemmas, name, tag)

    def _shown(self, words: list[str], lemmas: set[str], name: str, tag: str) -> Iterator[Example]:
        lower = [word.lower() for word in words]
        for lemma in lemmas:
            forms = {lemma} | ({s_form(lemma)} if name != "adj" else set())
            places = [place for place, word in enumerate(lower) if word in forms]
            if len(places) != 1:
                continue
            if lower[places[0]] != lemma and not self.ambiguous(lemma):
                continue
            yield words, places[0], tag, 1.0 if self.ambiguous(lemma) else UNAMBIGUOUS_WEIGHT


_PLURALS = (("ies", "y"), ("es", ""), ("s", ""))
_VERB_ENDINGS = {
    "z": (("ies", "y"), ("es", ""), ("s", "")),
    "d": (("ied", "y"), ("ed", ""), ("ed", "e")),
    "g": (("ing", ""), ("ing", "e")),
}


def _base(word: str, endings: tuple[tuple[str, str], ...], index: set[str]) -> bool:
    """Whether a word of the index with one of the endings, or with its last letter doubled."""
    for ending, instead in endings:
        stem = word.removesuffix(ending)
        if stem == word or not stem:
            continue
        if stem + instead in index or (stem[-1:] == stem[-2:-1] and stem[:-1] in index):
            return True
    return False


def s_form(word: str) -> str:
    """`tries` of `try`."""
    if re.search("(?:s|x|z|ch|sh|o)$", word):
        return word + "es"
    return word[:-1] + "ies" if re.search("[^aeiou]y$", word) else word + "s"


def silver(path: Path, wordnet: WordNet) -> Iterator[Example]:
    """Ambiguous words of sentences that another tagger has tagged."""
    for line in path.read_text("utf-8").splitlines():
        tagged = json.loads(line)
        words = [word for word, _ in tagged]
        for place, (word, penn) in enumerate(tagged):
            base = word.lower().removesuffix("s") if penn in ("NNS", "VBZ") else word.lower()
            if penn in PENN and word.isalpha() and len(word) > 2 and wordnet.ambiguous(base):
                yield words, place, PENN[penn], SILVER_WEIGHT


def train(examples: list[Example]) -> tuple[list[str], np.ndarray]:
    """Features and their weights `[features, tags]`."""
    rows = [features(words, place, words[place].endswith("s")) for words, place, _, _ in examples]
    counts = Counter(feature for row in rows for feature in row)
    names = [feature for feature, count in counts.items() if count > 1]
    ids = {feature: number for number, feature in enumerate(names)}
    width = max(map(len, rows))
    inputs = torch.full((len(rows), width), len(names))
    for number, row in enumerate(rows):
        known = [ids[feature] for feature in row if feature in ids]
        inputs[number, : len(known)] = torch.tensor(known)
    tags = torch.tensor([TAGS.index(tag) for _, _, tag, _ in examples])
    weights = torch.tensor([weight for *_, weight in examples])
    model = nn.EmbeddingBag(len(names) + 1, len(TAGS), mode="sum", padding_idx=len(names))
    nn.init.zeros_(model.weight)
    optimizer = torch.optim.Adagrad(model.parameters(), lr=RATE)
    for _ in range(EPOCHS):
        for batch in torch.split(torch.randperm(len(rows)), BATCH):
            losses = nn.functional.cross_entropy(
                model(inputs[batch]), tags[batch], reduction="none"
            )
            loss = (losses * weights[batch]).mean() + 2e-6 * model.weight.pow(2).sum()
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    return names, model.weight.detach().numpy()[:-1]


def save(names: list[str], weights: np.ndarray, path: Path) -> None:
    """The features that matter, sorted by key."""
    centred = weights - weights.mean(1, keepdims=True)
    kept = sorted(
        (zlib.crc32(name.encode()), row)
        for name, row in zip(names, centred.tolist(), strict=True)
        if max(map(abs, row)) > LEAST_WEIGHT
    )
    rows = np.array([row for _, row in kept])
    scale = np.abs(rows).max() / 127
    np.savez_compressed(
        path,
        keys=np.array([key for key, _ in kept], np.uint32),
        weights=np.round(rows / scale).astype(np.int8),
        scale=np.float32(scale),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wordnet", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--silver", type=Path)
    options = parser.parse_args()
    torch.manual_seed(0)
    wordnet = WordNet(options.wordnet)
    examples = list(wordnet.examples())
    if options.silver:
        examples += silver(options.silver, wordnet)
    names, weights = train(examples)
    options.out.mkdir(parents=True, exist_ok=True)
    save(names, weights, options.out / "tagger.npz")
    words = {word.lower() for sentence, *_ in examples for word in sentence if word.isalpha()}
    classes = {word: kinds for word in words if (kinds := wordnet.kinds(word))}
    lines = "\n".join(f"{word} {classes[word]}" for word in sorted(classes))
    (options.out / "classes.txt.gz").write_bytes(gzip.compress(lines.encode(), mtime=0))


if __name__ == "__main__":
    main()
