"""Values of JSON in which any one is something else."""

import random
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

ODD = [
    *(None, True, -1, 0, 2, 1.5, 10**400, float("inf"), float("nan")),
    *("", "x", "1", "a:b", "\ud800", "\0", "\n", "..", "http://[bad", "9" * 5000),
    *([], [1], ["1", "0"], [[]], [None, None], {}, {"a": 1}, {"x": [1]}),
]


def places(tree: Any, kind: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Each value of a tree: what kind of value it is, what holds it, and its key there."""
    for key in list(tree) if isinstance(tree, dict) else range(len(tree)):
        its_kind = f"{kind}/{key if isinstance(tree, dict) else ''}"
        yield its_kind, tree, key
        if isinstance(tree[key], dict | list):
            yield from places(tree[key], its_kind)


def other_tree(tree: Any, draw: random.Random) -> Any:
    tree = deepcopy(tree)
    for _ in range(draw.choice([1, 1, 2])):
        kinds: dict[str, list[tuple[Any, Any]]] = {}
        for kind, *place in places(tree):
            kinds.setdefault(kind, []).append((place[0], place[1]))
        if not kinds or draw.random() < 0.02:
            return draw.choice(ODD)
        holder, key = draw.choice(kinds[draw.choice(sorted(kinds))])
        holder[key] = deepcopy(draw.choice(ODD))
        if draw.random() < 0.15:
            del holder[key]
    return tree
