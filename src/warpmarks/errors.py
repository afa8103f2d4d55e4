"""Errors that are the user's to mend."""


class InputError(ValueError):
    """Something that the user gave cannot be used.

    The message is one sentence: the file or flag, what was found, what was expected and what to do.
    The command line prints it without a traceback and exits with code 2.

    Attributes:
        tells: whether this process tells of it though it may not be the first of its machine, as
            no process before it met the error.
    """

    tells = False


class ToldElsewhere(InputError):  # noqa: N818
    """The same error as in another process of the run, which tells the user of it."""

    def __init__(self) -> None:
        super().__init__("another process of this run says what is wrong")


class OutOfMemory(InputError):  # noqa: N818
    """There is less memory than the work needs; each process of a run that meets it tells of it.

    The command line adds what to do, which depends on the flags of the command.

    Attributes:
        gpu: whether it is a GPU's memory, not the machine's.
    """

    def __init__(self, *, gpu: bool, kept: str = "") -> None:
        super().__init__(f"{'the GPU' if gpu else 'this machine'} has no memory left{kept}")
        self.gpu = gpu


class LostProcess(Exception):  # noqa: N818
    """Another process of the run has ended, and with it the run.

    Attributes:
        tells: whether this process is the one that tells the user of it. The command line then
            prints the message, and exits with code 3 in any case.
    """

    def __init__(self, message: str, *, tells: bool = True) -> None:
        super().__init__(message)
        self.tells = tells
