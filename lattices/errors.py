"""The one error that a user's input can cause; the command line turns it into exit code 2."""


class InputError(ValueError):
    """Bad input. The message is one line: what was given and what is allowed."""
