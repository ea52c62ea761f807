"""The pieces of an HTML page: escaped text, tables that scroll sideways where they are wide, pictures inside."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from html import escape
from importlib import resources
from pathlib import Path

MISSING = "–"


def page(name: str, body: str) -> str:
    """A whole document that needs no other file."""
    css = (resources.files("runs") / "page" / "page.css").read_text(encoding="utf-8")
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(name)}</title>\n<style>\n{css}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def section(anchor: str, name: str, parts: Iterable[str]) -> str:
    """A part of the page that the list of contents leads to."""
    inner = "\n".join(part for part in parts if part)
    return f'<section class="part" id="{escape(anchor)}">\n<h2>{escape(name)}</h2>\n{inner}\n</section>'


def title(text: str) -> str:
    """The title of the page."""
    return f"<h1>{escape(text)}</h1>"


def heading(text: str) -> str:
    """A heading inside a section."""
    return f"<h3>{escape(text)}</h3>"


def about(text: str) -> str:
    """A line of description."""
    return f'<p class="about">{escape(text)}</p>'


def table(head: Sequence[str], rows: Iterable[Sequence[str]], caption: str = "", numbers: int = 0) -> str:
    """A table of text; nothing without rows. numbers: how many of the last columns hold numbers, which do not wrap."""
    listed = list(rows)
    if not listed:
        return ""
    first_number = len(head) - numbers
    lines = ["<tr>" + "".join(_cell(cell, k >= first_number) for k, cell in enumerate(row)) + "</tr>" for row in listed]
    top = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    titled = about(caption) + "\n" if caption else ""
    return (
        f'{titled}<div class="scroll"><table><thead><tr>{top}</tr></thead>\n<tbody>\n'
        + "\n".join(lines)
        + "\n</tbody></table></div>"
    )


def _cell(text: str, number: bool) -> str:
    kind = "missing" if text.startswith(MISSING) else "number" if number else ""
    return f'<td class="{kind}">{escape(text)}</td>' if kind else f"<td>{escape(text)}</td>"


def warnings(lines: Iterable[str]) -> str:
    """A highlighted list; nothing without lines."""
    listed = list(dict.fromkeys(lines))
    return '<ul class="warnings">' + "".join(f"<li>{escape(line)}</li>" for line in listed) + "</ul>" if listed else ""


def bullets(lines: Iterable[str]) -> str:
    """A list; nothing without lines."""
    listed = list(dict.fromkeys(lines))
    return "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in listed) + "</ul>" if listed else ""


def contents(entries: Iterable[tuple[str, str]]) -> str:
    """Links to the sections: (anchor, name)."""
    links = "".join(f'<li><a href="#{escape(anchor)}">{escape(name)}</a></li>' for anchor, name in entries)
    return f"<nav><ul>{links}</ul></nav>"


def svg_figure(file: Path, caption: str) -> str:
    """A picture inside the page, as an image of its own so that names in several pictures do not clash."""
    data = base64.b64encode(file.read_bytes()).decode("ascii")
    text = escape(caption)
    return f'<figure><img alt="{text}" src="data:image/svg+xml;base64,{data}"><figcaption>{text}</figcaption></figure>'


def preformatted(text: str) -> str:
    """A file as it is."""
    return f"<pre>{escape(text)}</pre>"
