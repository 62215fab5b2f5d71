"""Measures a small model of sound effects against what is asked of it.

    python -m benchmarks.sounds --recordings FOLDER [--pipeline makeanaudio-small]

`--recordings` is the folder of Debian's `sonic-pi-samples`, of which the classifier hears some; the
classifier is trained in a few minutes and kept in `--classifier`. `--quick` takes one prompt for
each kind and every fourth kind for the traits and the cost. Exits with 1 where a gate is missed.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.sounds import gates
from benchmarks.sounds.classifier import accuracy, trained
from benchmarks.sounds.model import Model
from benchmarks.sounds.prompts import PROMPTS
from pipelines.models.foley.catalogue import RULES
from pipelines.settings import PipelineSettings
from training.sound_recordings import Recordings


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pipeline", choices=["foley", "makeanaudio-small"], default="foley")
    parser.add_argument("--steps", type=int, default=25, help="of the diffusion, if there is one")
    parser.add_argument("--recordings", type=Path)
    parser.add_argument("--classifier", type=Path, default=Path("build/sound-classifier.pt"))
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    console = Console()
    settings = PipelineSettings()
    recordings = Recordings(given.recordings)
    classifier = trained(given.classifier, recordings)
    own = accuracy(classifier, recordings)
    console.print(f"The classifier names {own:.0%} of sounds made by rule that it has not heard.")
    model = Model(given.pipeline, settings, given.steps)
    small = given.pipeline != "foley"
    kinds = [kind for kind in PROMPTS if kind in RULES or not small]
    some = kinds[::4] if given.quick else kinds
    made = list(gates.sounds(model, kinds, 1 if given.quick else 2))
    named, wrong = gates.named(classifier, made)
    verdicts = [
        named,
        *gates.traits(model, some),
        *gates.seeds(model),
        *gates.levels(made, settings),
        *gates.cost(model, some),
        *gates.far(model, classifier),
    ]
    table = Table("gate", "asked", "found", "")
    for verdict in verdicts:
        table.add_row(*list(asdict(verdict).values())[:3], "pass" if verdict.passed else "MISSED")
    console.print(table)
    console.print("Taken for something else:", ", ".join(sorted(wrong.values())))
    if given.json:
        facts = {"verdicts": [asdict(verdict) for verdict in verdicts], "taken_for": wrong}
        given.json.write_text(json.dumps(facts, indent=1, ensure_ascii=False))
    raise SystemExit(not all(verdict.passed for verdict in verdicts))


if __name__ == "__main__":
    main()
