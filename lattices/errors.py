"""The error raised for invalid user input; the command line turns it into exit code 2."""


class InputError(ValueError):
    """Bad input. A message is one line: what was given and what is allowed; a file may have several problems."""

    @property
    def lines(self) -> tuple[str, ...]:
        """A line for each problem."""
        return tuple(str(line) for line in self.args)

    def __str__(self) -> str:
        """All problems on one line."""
        return "; ".join(self.lines)
