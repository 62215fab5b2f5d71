"""Web and e-mail addresses, as the words in which they are said."""

from __future__ import annotations

import re

_NAMES = {
    **{".": "dot", "@": "at", "/": "slash", "-": "dash", "_": "underscore", ":": "colon"},
    **{"?": "question mark", "=": "equals", "&": "and", "#": "hash", "%": "percent", "+": "plus"},
    **{"~": "tilde", ",": "comma", ";": "semicolon"},
}
_TLD = (
    "com|org|net|edu|gov|mil|int|info|io|ai|app|dev|co|uk|eu|us|de|fr|me|tv|ly|ca|au|jp|ch|nl|it|es"
)
_HOST = rf"(?:[A-Za-z0-9-]+\.)+(?:{_TLD})\b(?!\.\w)"
_ADDRESS = re.compile(
    r"\b(?:https?|ftp)://(?P<any>[^\s<>()\"“”]*[\w/])"
    rf"|(?<![\w.@/-])(?P<bare>(?:[\w.+-]+@)?{_HOST}(?:[/?#][^\s<>()\"“”]*[\w/])?)"
)
_PART = re.compile(r"[^\W_]+|.")


def say_addresses(text: str) -> str:
    """URLs and e-mail addresses: `me@x.org` as `me at x dot org`."""
    return _ADDRESS.sub(lambda m: f" {_address(m['any'] or m['bare'])} ", text)


def _address(written: str) -> str:
    written = written.rstrip("/")
    return " ".join(_NAMES.get(part, part) for part in _PART.findall(written))
