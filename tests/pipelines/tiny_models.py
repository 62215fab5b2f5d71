"""Puts models of the official layout and reduced widths where installed ones lie."""

from __future__ import annotations

import shutil
from pathlib import Path

import torch

from pipelines.models.seedvc.pipeline import CAMPPLUS
from pipelines.networks.campplus import CampPlus
from pipelines.networks.rmvpe import RMVPE
from tests.pipelines.models.makeanaudio import goldens
from tests.pipelines.models.seedvc.tiny import GOLDENS, SMALL_TRACKER, seeded, small_vocoder
from tests.pipelines.models.styletts2.conftest import GOLDENS as STYLES

WHISPER = "openai/whisper-small"


def install_conversion(folder: Path, variant: str, vocoder: str) -> None:
    """The recorded model under the names that the official configuration gives its parts."""
    shutil.copytree(GOLDENS / variant, folder)
    shutil.copytree(GOLDENS / "whisper", folder / WHISPER)
    generator = {"generator": small_vocoder(folder).state_dict()}
    (folder / vocoder).parent.mkdir()
    (folder / "bigvgan").rename(folder / vocoder)
    torch.save(generator, folder / vocoder / "bigvgan_generator.pt")
    torch.save(seeded(CampPlus).state_dict(), folder / CAMPPLUS)
    config = (folder / "config.yml").read_text()
    config = config.replace("../whisper", WHISPER).replace("./bigvgan", vocoder)
    (folder / "config.yml").write_text(config)


def install_speech(folder: Path) -> None:
    install_conversion(folder, "vc22k", "nvidia/bigvgan_v2_22khz_80band_256x")


def install_singing(folder: Path) -> None:
    install_conversion(folder, "svc44k", "nvidia/bigvgan_v2_44khz_128band_512x")
    (folder / "rmvpe").mkdir()
    torch.save(seeded(lambda: RMVPE(SMALL_TRACKER)).state_dict(), folder / "rmvpe" / "rmvpe.pt")


def install_voice(folder: Path, variant: str) -> None:
    """The two published files, and PL-BERT's sizes where they are not the published ones."""
    folder.mkdir(parents=True)
    for name in ("checkpoint.pth", "config.yml", "plbert_config.yml"):
        shutil.copy(STYLES / variant / name, folder)


def install_libritts(folder: Path) -> None:
    install_voice(folder, "libritts")


def install_ljspeech(folder: Path) -> None:
    install_voice(folder, "ljspeech")


def install_sounds(folder: Path) -> None:
    shutil.copytree(goldens.folder(), folder)
