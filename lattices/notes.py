"""Notes for the reader of a run: decisions and warnings."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Note:
    """One line for the reader. warning: whether it questions the results instead of stating a decision."""

    text: str
    warning: bool = False

    @property
    def line(self) -> str:
        """The note as it is printed; warnings start with "warning: "."""
        return f"warning: {self.text}" if self.warning else self.text
