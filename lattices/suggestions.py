"""`did you mean`: the allowed word closest to one that is not known, for messages about bad input."""

from __future__ import annotations

from collections.abc import Iterable

CLOSE = 0.6  # of difflib's ratio: 2 x matching characters / all characters of both words


def did_you_mean(given: object, allowed: Iterable[str]) -> str:
    """`; did you mean 'replicas'?`, to be added to a message; nothing where no allowed word is close.

    Capitals do not count, except to decide between two words that differ in them alone.
    """
    from difflib import get_close_matches

    words = list(allowed)
    if not isinstance(given, str):
        return ""
    lower: dict[str, str] = {}
    for word in words:
        lower.setdefault(word.lower(), word)
    close = get_close_matches(given, words, 1, CLOSE) or [
        lower[found] for found in get_close_matches(given.lower(), lower, 1, CLOSE)
    ]
    return f"; did you mean {close[0]!r}?" if close else ""
