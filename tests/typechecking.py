"""How types are checked while testing."""

from collections.abc import Callable
from typing import Any

from beartype import BeartypeConf, beartype
from beartype.roar import BeartypeDecorHintPep673Exception

# As PEP 484 says, an int will do for a float.
_CONF = BeartypeConf(is_pep484_tower=True)


def checked(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function with its types checked; not if one is Self, which beartype cannot do here."""
    try:
        return beartype(function, conf=_CONF)
    except BeartypeDecorHintPep673Exception:
        return function
