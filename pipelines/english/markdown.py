"""Markdown, without its marks. Headings, lists and quotations keep theirs: `layout` reads them."""

from __future__ import annotations

import re

_FENCE = re.compile(r"(?m)^[ ]{0,3}(?:```|~~~)[^\n`]{0,60}$")
_IMAGE = re.compile(r"!\[([^\[\]\n]{0,300})\](?:\([^()\n]{0,1000}\)|\[[^\[\]\n]{0,100}\])")
_TARGET = (
    r"\((?:[^()\s]|\([^()\s]{0,300}\)){0,1000}(?:\s{1,4}(?:\"[^\"\n]{0,300}\"|'[^'\n]{0,300}'))?\)"
)
_LINK = re.compile(rf"\[([^\[\]\n]{{1,500}})\](?:{_TARGET}|\[[^\[\]\n]{{0,100}}\])")
_DEFINITION = re.compile(
    r"(?m)^[ ]{0,3}\[[^\[\]\n]{1,100}\]:\s{0,4}\S{1,1000}(?:\s+[\"'(][^\n]{0,300})?$"
)
_FOOTNOTE = re.compile(r"\[\^[^\[\]\s]{1,40}\](?!:)")
_FOOTNOTE_TEXT = re.compile(r"(?m)^\[\^[^\[\]\s]{1,40}\]:\s?")
_TASK = re.compile(r"(?m)^(\s{0,12}[-*+]\s)\[[ xX]\]\s")
_CODE = re.compile(r"(?<!`)(`{1,3})(?!`)([^`\n]{1,1000})\1(?!`)")
_RULE = re.compile(r"(?m)^[ ]{0,3}(?:(?:\*[ \t]?){3,40}|(?:-[ \t]?){3,40}|(?:_[ \t]?){3,40})$")
_UNDERLINE = re.compile(r"(?m)^([^\n#>|-][^\n]{0,200})\n[ ]{0,3}(?:={2,100}|-{2,100})[ \t]{0,9}$")
_BOLD = re.compile(r"(?<![\w*])(\*\*\*|\*\*|\*)(?=[^\s*])([^*\n]{1,1000}?)(?<=[^\s*])\1(?![\w*])")
_UNDERSCORED = re.compile(r"(?<![\w])(___|__|_)(?=[^\s_])([^_\n]{1,1000}?)(?<=[^\s_])\1(?!\w)")
_STRUCK = re.compile(r"(~~|==)(?=[^\s~=])([^~=\n]{1,1000}?)(?<=[^\s~=])\1")
_ROW = re.compile(r"(?m)^[ ]{0,3}\|([^\n]{0,2000})\|[ \t]{0,9}$")
_RULED_ROW = re.compile(r"(?m)^[ ]{0,3}\|?[ :|-]{0,500}-{2,100}[ :|-]{0,500}\|[ :|-]{0,500}$\n?")
_CLOSED_HEADING = re.compile(r"(?m)^([ ]{0,3}#{1,6}\s[^\n]{1,300}?)\s#{1,6}[ \t]{0,9}$")
_ESCAPED = re.compile(r"\\([\\`*_{}\[\]()#+.!|~>-])")


def strip_markdown(text: str) -> str:
    """The text that the marks belong to: of a link its words, of an image its description."""
    text = _FENCE.sub("", text)
    text = _FOOTNOTE_TEXT.sub("", _DEFINITION.sub("", text))
    text = _IMAGE.sub(r"\1", text)
    text = _FOOTNOTE.sub("", _LINK.sub(r"\1", text))
    text = _TASK.sub(r"\1", text)
    text = _CODE.sub(r"\2", text)
    text = _ROW.sub(_row, _RULED_ROW.sub("", text))
    text = _UNDERLINE.sub(r"# \1", text)
    text = _RULE.sub("\n\n", text)
    text = _CLOSED_HEADING.sub(r"\1", text)
    for emphasis in (_BOLD, _UNDERSCORED, _STRUCK, _BOLD):
        text = emphasis.sub(r"\2", text)
    return _ESCAPED.sub(r"\1", text)


def _row(match: re.Match[str]) -> str:
    """The cells of a table's row, one after the other, as an item of a list."""
    cells = [cell.strip() for cell in match[1].split("|")]
    return "- " + ", ".join(cell for cell in cells if cell)
