"""What pydantic found wrong with a value, in our words."""

from pydantic import ValidationError


def first_reason(error: ValidationError) -> str:
    """Where the first thing is that is wrong, and what: method: it is missing."""
    first = error.errors(include_url=False)[0]
    place = ".".join(map(str, first["loc"])) or "its contents"
    return f"{place}: {plain_reason(first['msg'])}"


def plain_reason(message: str) -> str:
    """A sentence of pydantic's in our words: expected at least 1."""
    message = message.removeprefix("Value error, ")
    for addition in _ADDITIONS:
        message = message.partition(addition)[0]
    for theirs, ours in _WORDS.items():
        message = message.replace(theirs, ours)
    return message


_ADDITIONS = (", unable to", ", got a number with", " or instance of")
_WORDS = {
    "Input should be ": "expected ",
    "greater than or equal to": "at least",
    "less than or equal to": "at most",
    "greater than": "more than",
    "a valid integer": "a whole number",
    "a valid number": "a number",
    "a valid boolean": "true or false",
    "a valid tuple": "a list",
    "a valid list": "a list",
    "a valid string": "a text",
    "a valid dictionary": "an object",
    "Extra inputs are not permitted": "it is not known",
    "Field required": "it is missing",
}
