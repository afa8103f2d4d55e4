"""YAML of plain values in which each key is there once; PyYAML takes the last one in silence."""

from collections.abc import Hashable
from typing import Any

import yaml


class RepeatedKey(yaml.YAMLError):
    """A key is there twice in one mapping.

    Attributes:
        key: as it is written.
        line: of the second one, from 1.
        first_line: of the first one.
    """

    def __init__(self, key: str, line: int, first_line: int) -> None:
        super().__init__(f"{key} twice")
        self.key, self.line, self.first_line = key, line, first_line


class _Loader(yaml.SafeLoader):
    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        lines: dict[tuple[str, str], int] = {}
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                line, what = key.start_mark.line + 1, (key.tag, key.value)
                if what in lines:
                    raise RepeatedKey(key.value, line, lines[what])
                lines[what] = line
        return super().construct_mapping(node, deep)


def read_yaml(text: str) -> Any:
    """The value of a document.

    Raises:
        RepeatedKey: see its attributes.
        yaml.YAMLError: it is not YAML, or has values of other kinds.
    """
    loader = _Loader(text)
    try:
        return loader.get_single_data()
    finally:
        loader.dispose()
