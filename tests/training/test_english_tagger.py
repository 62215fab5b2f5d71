import json
from pathlib import Path

import numpy as np
import pytest

from training import english_tagger
from training.english_tagger import WordNet, s_form, silver

DATA = {
    "index.noun": "  licence\nrecord n 1\ntry n 1\nbox n 1\n",
    "index.verb": "record v 1\ntry v 1\nstop v 1\n",
    "index.adj": "fresh a 1\n",
    "index.adv": "often r 1\n",
    "noun.exc": "oxen ox\n",
    "verb.exc": "wound wind\n",
    "adj.exc": "",
    "data.noun": '  licence\n1 10 n 01 record 0 000 | a disc; "the record broke"; "two records"\n',
    "data.verb": '1 30 v 02 record 0 try 1 001 | to tape; "they record music"\n',
    "data.adj": '1 00 a 01 fresh(a) 0 000 | new; "fresh bread"\n',
}


@pytest.fixture
def wordnet(tmp_path: Path) -> WordNet:
    for name, text in DATA.items():
        (tmp_path / name).write_text(text, "utf-8")
    return WordNet(tmp_path)


def test_examples_show_a_word_in_a_known_part_of_speech(wordnet: WordNet):
    found = [(words[place], tag, weight) for words, place, tag, weight in wordnet.examples()]
    assert found == [
        ("record", "N", 1.0),
        ("records", "N", 1.0),
        ("record", "V", 1.0),
        ("fresh", "A", english_tagger.UNAMBIGUOUS_WEIGHT),
    ]


@pytest.mark.parametrize(
    ("word", "kinds"),
    [("record", "nv"), ("records", "pz"), ("tries", "pz"), ("stopped", "d"), ("stopping", "g"),
     ("oxen", "p"), ("wound", "d"), ("fresh", "a"), ("often", "r"), ("zzz", "")],
)  # fmt: skip
def test_kinds_of_words(wordnet: WordNet, word: str, kinds: str):
    assert wordnet.kinds(word) == kinds


def test_tagged_sentences_add_their_ambiguous_words(wordnet: WordNet, tmp_path: Path):
    path = tmp_path / "tagged.jsonl"
    path.write_text(json.dumps([["We", "PRP"], ["record", "VBP"], ["bread", "NN"]]), "utf-8")
    [(words, place, tag, weight)] = silver(path, wordnet)
    assert (words[place], tag, weight) == ("record", "V", english_tagger.SILVER_WEIGHT)


@pytest.mark.parametrize(("word", "form"), [("try", "tries"), ("box", "boxes"), ("say", "says")])
def test_s_forms(word: str, form: str):
    assert s_form(word) == form


def test_weights_tell_what_they_were_shown(wordnet: WordNet, tmp_path: Path):
    names, weights = english_tagger.train(list(wordnet.examples()) * 8)
    english_tagger.save(names, weights, tmp_path / "tagger.npz")
    with np.load(tmp_path / "tagger.npz") as stored:
        assert np.all(np.diff(stored["keys"].astype(np.int64)) > 0)
        assert stored["weights"].dtype == np.int8
        assert stored["weights"].shape[1] == 3
