"""Errors that are the user's to mend."""


class InputError(ValueError):
    """Something that the user gave cannot be used.

    The message is one sentence: the file or flag, what was found, what was expected and what to do.
    The command line prints it without a traceback and exits with code 2.
    """
