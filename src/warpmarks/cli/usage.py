"""What the flag parser or the system refuses, in one sentence."""

import errno
import re
from collections.abc import Callable, Collection, Sequence
from typing import Any

import typer
from typer.core import TyperCommand

from warpmarks.cli.outputs import STDOUT
from warpmarks.errors import InputError, OutOfMemory
from warpmarks.wording import cut

# Releases of typer differ in where they keep these two, not in what BadParameter derives from.
ParserError: type[Exception] = typer.BadParameter.__mro__[2]
_DENIED = "permission denied: let this user read and write there, or choose another place"
_REFUSED = {
    errno.EACCES: _DENIED,
    errno.EPERM: _DENIED,
    errno.EROFS: "it is on a disk that cannot be written: choose another place",
    errno.ENAMETOOLONG: "the name is too long: choose a shorter one",
    errno.ELOOP: "its links lead in a circle: correct them",
}


class Command(TyperCommand):
    """A command that tells of empty values, such as --run "$RUN" gives where RUN is not set."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse, but for an empty value of any flag or argument; --json alone is --json -.

        Raises:
            InputError: there is one, which as a path would be the current folder.
        """
        followers = [*args[1:], "--"]
        alone = [
            at
            for at, word in enumerate(args)
            if word == "--json" and followers[at].startswith("-") and followers[at] != STDOUT
        ]
        for at in reversed(alone):
            args.insert(at + 1, STDOUT)
        given, *_ = self.make_parser(ctx).parse_args(list(args))
        for param in [] if given.get("help") else self.params:
            value = given.get(param.name or "")
            if value == "" or (isinstance(value, list | tuple) and "" in value):
                wanted = _expected(param) if param.required else ": give a value or leave it out"
                raise InputError(f"{_name(param)} is empty{wanted}; see {ctx.command_path} --help")
        return super().parse_args(ctx, args)


def parser_error(error: Exception, command: Sequence[str]) -> InputError:
    """What the parser refused, in our words.

    Args:
        error: a `ParserError`.
        command: the words that name the command, such as warpmarks and train.
    """
    verb = " ".join(command)
    sentence = _SENTENCES.get(type(error).__name__, _other)(error, verb)
    says_what_to_do = sentence.endswith("?") or _DENIED in sentence
    return InputError(sentence if says_what_to_do else f"{sentence}; see {verb} --help")


def system_error(error: OSError) -> InputError | None:
    """What the system refused, where the user can mend it by another place or its rights."""
    reason = _REFUSED.get(error.errno or 0)
    if error.filename is None or reason is None:
        return None
    place = str(error.filename)
    shown = cut(place) if error.errno == errno.ENAMETOOLONG else place
    return InputError(f"{shown}: {reason}")


def less_memory(error: OutOfMemory, flags: Collection[str]) -> str:
    """What to do, by the flags that the command has."""
    lower = [flag for flag in ("--batch-size", "--image-size") if flag in flags]
    ways = [f"lower {' or '.join(lower)}"] if lower else []
    ways += ["use --device cpu"] if error.gpu and "--device" in flags else []
    return _either([*ways, "end other programs that use it"])


def _missing(error: Any, verb: str) -> str:
    return f"{_name(error.param)} is missing{_expected(error.param)}"


def _expected(param: Any) -> str:
    """What a flag is for, to end a sentence."""
    about = (getattr(param, "help", None) or "").partition(". ")[0].rstrip(".")
    return f": expected {about[0].lower()}{about[1:]}" if about else ""


def _bad_value(error: Any, verb: str) -> str:
    from pydantic import ValidationError

    from warpmarks.pydantic_reasons import plain_reason

    name, cause = _name(error.param), error.__cause__
    if not isinstance(cause, ValidationError):
        denied = re.search(r"'(.*)' is not (?:read|writ)able", error.message, re.S)
        return f"{name} {denied[1]}: {_DENIED}" if denied else f"{name}: {_other(error, verb)}"
    first = cause.errors()[0]
    message = first["msg"]
    choices = re.findall(r"'([^']*)'", message.partition("is not one of")[2])
    reason = f"expected {_either(choices)}" if choices else plain_reason(message)
    return f"{name} is {cut(str(first['input']))}: {reason}"


def _no_such_option(error: Any, verb: str) -> str:
    nearest = f": did you mean {error.possibilities[0]}?" if error.possibilities else ""
    return f"{error.option_name} is no option of {verb}{nearest}"


def _bad_use(error: Any, verb: str) -> str:
    if "not take a value" in error.message:
        return f"{error.option_name} was given a value: it takes none, leave out = and the value"
    return f"{error.option_name} is given without a value: expected one after it"


def _other(error: Any, verb: str) -> str:
    message = str(error.message)
    if extra := re.match(r"Got unexpected extra arguments?(?:\(s\))? \((.*)\)$", message, re.S):
        takes = " ".join(
            _name(each) for each in error.ctx.command.params if each.param_type_name == "argument"
        )
        return f"{cut(extra[1])} is more than {verb} takes: expected {takes or 'options only'}"
    if unknown := re.match(r"No such command '(.*?)'", message, re.S):
        nearest = re.findall(r"'([^']*)'", message[unknown.end() :])
        sentence = f"{cut(unknown[1])} is no command of {verb}"
        return f"{sentence}: did you mean {_either(nearest)}?" if nearest else sentence
    return message.rstrip(".")


_SENTENCES: dict[str, Callable[[Any, str], str]] = {
    "BadParameter": _bad_value,
    "MissingParameter": _missing,
    "NoSuchOption": _no_such_option,
    "BadOptionUsage": _bad_use,
}


def _name(param: Any) -> str:
    """As the user writes it: --steps, or IMAGES."""
    if param.param_type_name == "option":
        return str(max(param.opts, key=len))
    return str(param.metavar or param.name.upper()).removesuffix("...")


def _either(names: list[str]) -> str:
    return " or ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
