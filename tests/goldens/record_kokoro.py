"""Record what the int8 ONNX export of Kokoro-82M computes, for tests/pipelines/styletts2.

    python -m tests.goldens.record_kokoro

Run again only when an utterance below changes. The export quantises activations as it runs, so it
is a reference with errors of its own; the tests state what they allow for. Its waveform is about
1.5 times too loud (its inverse STFT does not divide by the sum of its squared windows) and holds no
noise.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from safetensors.numpy import save_file

from pipelines.english.symbols import encode
from pipelines.settings import PipelineSettings
from pipelines.voices.shipped_voices import catalogue
from pipelines.weights.checkpoints import manifest
from pipelines.weights.packages import download

UTTERANCES = [
    ("af_heart", "həlˈoʊ ðˈɛɹ, haʊ ˈɑːɹ juː?"),
    ("am_michael", "ðə bˈoʊts kˈeɪm hˈoʊm æt dˈɔːn."),
    ("bf_emma", "ɪts ˈɔːl ɹˈaɪt nˈaʊ!"),
]
TENSORS = {
    "durations": "/encoder/predictor/ReduceSum_output_0",
    "asr": "/encoder/MatMul_1_output_0",
    "f0": "/encoder/Squeeze_output_0",
    "energy": "/encoder/Squeeze_1_output_0",
    "audio": "audio",
}


def main() -> None:
    settings = PipelineSettings()
    with tempfile.TemporaryDirectory() as folder:
        entry = manifest(settings)["kokoro"]
        model = onnx.load(download(entry, Path(folder), lambda what, _: print(what)))
    for name in TENSORS.values():
        if name != "audio":
            model.graph.output.append(onnx.ValueInfoProto(name=name))
    session = onnxruntime.InferenceSession(model.SerializeToString())
    voices = catalogue(settings.checkpoints)
    packs = voices.packs()
    recorded = {}
    for number, (voice, phonemes) in enumerate(UTTERANCES):
        symbols = encode(phonemes)
        style = voices.parse(voice).style(packs, len(symbols))
        tokens = np.array([0, *symbols, 0])
        feed = {"tokens": tokens[None], "style": style[None], "speed": np.ones(1, np.float32)}
        values = session.run(list(TENSORS.values()), feed)
        recorded[f"{number}.tokens"] = tokens.astype(np.int16)
        recorded[f"{number}.style"] = style
        for name, value in zip(TENSORS, values, strict=True):
            recorded[f"{number}.{name}"] = np.squeeze(value).astype(np.float32)
    target = Path(__file__).parent / "kokoro" / "export.safetensors"
    save_file(recorded, target)
    print(f"{target}: {target.stat().st_size} bytes")


if __name__ == "__main__":
    main()
