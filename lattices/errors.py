"""The error raised for invalid user input; the command line turns it into exit code 2."""


class InputError(ValueError):
    """Bad input. The message is one line: what was given and what is allowed."""
