"""The text of `bernie say`: the argument, a file or standard input, in parts of one clip each."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import typer

STANDARD = "-"
_SENTENCE_END = re.compile(r"(?<=[.!?…])[\"'”’)\]]*\s+")


def read_text(text: str | None, file: Path | None) -> str:
    """What is to be said. Raises BadParameter where there is no text or two, or a file cannot be
    read, and asks where the text is the name of a file."""
    if text is not None and file is not None:
        raise typer.BadParameter("give a TEXT or a --file, not both")
    if file is not None or text == STANDARD:
        return _read(file or Path(STANDARD))
    if text is None:
        raise typer.BadParameter("give a TEXT, or a --file (- is standard input)")
    if _is_file(text) and not _confirmed(text):
        raise typer.BadParameter(f"{text} is a file: say --file {text} to read it")
    return text


def split_text(text: str, longest: int) -> list[str]:
    """The text in parts of at most `longest` characters: whole paragraphs as far as they fit, then
    sentences, then words. A longer word is left whole, and the server refuses it."""
    parts: list[str] = []
    for paragraph in filter(None, map(str.strip, re.split(r"\n\s*\n", text))):
        pieces = _pieces(paragraph, longest)
        if parts and len(parts[-1]) + 2 + len(pieces[0]) <= longest:
            parts[-1] += "\n\n" + pieces.pop(0)
        parts += pieces
    return parts


def _pieces(paragraph: str, longest: int) -> list[str]:
    if len(paragraph) <= longest:
        return [paragraph]
    pieces = [""]
    for sentence in _SENTENCE_END.split(paragraph):
        for words in [sentence] if len(sentence) <= longest else sentence.split():
            longer = f"{pieces[-1]} {words}".strip()
            if len(longer) <= longest:
                pieces[-1] = longer
            else:
                pieces.append(words)
    return [piece for piece in pieces if piece]


def _read(file: Path) -> str:
    try:
        if str(file) == STANDARD:
            return sys.stdin.read()
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise typer.BadParameter(f"{file} is no text in UTF-8") from error
    except OSError as error:
        raise typer.BadParameter(f"{file} cannot be read: {error.strerror}") from error


def _is_file(text: str) -> bool:
    try:
        return "\n" not in text and Path(text).is_file()
    except (OSError, ValueError):
        return False


def _confirmed(text: str) -> bool:
    return sys.stdin.isatty() and typer.confirm(f"{text} is a file. Say its name?", err=True)
