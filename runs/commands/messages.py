"""Error messages as the terminal shows them: one line, without the middle of long values."""

from __future__ import annotations

import re

MOST_CHARACTERS = 1000


def one_line(text: str) -> str:
    """A message on one line; long values lose their middle, and characters that no terminal shows become escapes."""
    text = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in " ".join(text.splitlines()))
    text = re.sub(r"\S{161,}", lambda word: f"{word[0][:100]}...{word[0][-50:]}", text)
    return text if len(text) <= MOST_CHARACTERS else f"{text[: MOST_CHARACTERS - 305]} ... {text[-300:]}"
