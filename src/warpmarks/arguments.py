"""Whether what a program gives to the public functions is of the kind that they take."""

from collections.abc import Sequence
from numbers import Integral, Real
from pathlib import Path
from typing import Any, TypeVar

from warpmarks.errors import InputError
from warpmarks.wording import cut

Given = TypeVar("Given")


def expect(given: Given, kind: type[Any], name: str, expected: str) -> Given:
    """What was given, if it is of a kind.

    Args:
        given: the argument.
        kind: that it should be of.
        name: of the argument.
        expected: to end the sentence with: what to give, and how to come by it.

    Raises:
        InputError: it is of another kind.
    """
    if isinstance(given, kind):
        return given
    told = repr(given) if isinstance(given, str) else f"of the type {type(given).__name__}"
    raise InputError(f"{name} is {cut(told, 100)}: expected {expected}")


def expect_path(given: str | Path, name: str, expected: str) -> Path:
    """The path that was given; an empty text is none, though to Python it is where we stand.

    Args:
        given: the argument.
        name: of the argument.
        expected: to end the sentence with.

    Raises:
        InputError: it is of another kind, or empty.
    """
    if not isinstance(given, Path) and not expect(given, str, name, expected):
        raise InputError(f"{name} is '': expected {expected}, and '.' for the folder you are in")
    return Path(given)


def expect_whole(given: int, name: str, *, least: int = 1, most: int | None = None) -> int:
    """The whole number that was given.

    Args:
        given: the argument.
        name: of the argument.
        least: that it may be.
        most: that it may be, if there is such.

    Raises:
        InputError: it is no whole number, or less, or more.
    """
    if not isinstance(given, Integral) or isinstance(given, bool):
        raise InputError(f"{name} is {cut(repr(given), 100)}: expected a whole number")
    if given < least:
        raise InputError(f"{name} is {given}: expected at least {least}")
    if most is not None and given > most:
        raise InputError(f"{name} is {given}: expected at most {most}")
    return int(given)


def expect_number(given: float, name: str) -> float:
    """The number that was given.

    Raises:
        InputError: it is none.
    """
    if not isinstance(given, Real) or isinstance(given, bool):
        raise InputError(f"{name} is {cut(repr(given), 100)}: expected a number")
    return float(given)


def expect_shapes(**given: tuple[Any, str]) -> None:
    """Raise unless tensors belong together: broadcast they would give some number as well.

    It looks at nothing but shapes, so that no device is waited for.

    Args:
        **given: each tensor by its name, with its axes as its annotation has them: what has one
            name has one length. An axis may be a product of others before it, rows*columns.

    Raises:
        InputError: a tensor has other axes, with what all of them have.
    """
    lengths: dict[str, Any] = {}
    for tensor, axes in given.values():
        if not _has(getattr(tensor, "shape", None), axes.split(), lengths):
            told = ", ".join(
                f"{name} {tuple(one.shape) if hasattr(one, 'shape') else repr(one)}"
                for name, (one, _) in given.items()
            )
            wanted = ", ".join(f"({axes.replace(' ', ', ')})" for _, axes in given.values())
            raise InputError(
                f"the shapes do not go together: {told}: expected {wanted}, where the same word is "
                "the same number"
            )


# Plain loops: what calls this may be compiled.
def _has(shape: Sequence[Any] | None, axes: list[str], lengths: dict[str, Any]) -> bool:
    if shape is None or len(shape) != len(axes):
        return False
    for axis, found in zip(axes, shape, strict=True):
        if _length(axis, found, lengths) != found:
            return False
    return True


def _length(axis: str, found: Any, lengths: dict[str, Any]) -> Any:
    """What an axis should have: as its name says or has had before, or as it was found.

    Whole numbers, or torch's symbols for them while a graph is traced.
    """
    if axis.isdigit():
        return int(axis)
    if "*" in axis:
        length = 1
        for factor in axis.split("*"):
            length *= lengths[factor]
        return length
    return lengths.setdefault(axis, found)
