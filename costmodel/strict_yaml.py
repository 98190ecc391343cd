"""YAML as its writer meant it: a mapping that names a key twice is refused, where YAML's own readers keep the last."""

from __future__ import annotations

from typing import Any

import yaml

__all__ = ["read_yaml", "yaml_text"]


class _Loader(yaml.SafeLoader):
    """Looks at keys as they stand, before anchors are merged in: what ``<<`` brings may be said again."""

    def compose_mapping_node(self, anchor: Any) -> Any:
        node = super().compose_mapping_node(anchor)
        seen = set[tuple[str, str]]()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            if (key.tag, key.value) in seen:
                raise yaml.constructor.ConstructorError(None, None, f"found duplicate key {key.value}", key.start_mark)
            seen.add((key.tag, key.value))
        return node


def read_yaml(text: str) -> Any:
    """The document in ``text``: plain values, ``None`` where it is empty.

    Raises:
        yaml.YAMLError: it is no YAML, or a mapping names a key twice; ``yaml_text`` says where.
    """
    loader = _Loader(text)
    try:
        return loader.get_single_data()
    except (ValueError, RecursionError) as error:  # A date that there is not, or brackets a thousand deep.
        raise yaml.YAMLError(str(error)) from error
    finally:
        loader.dispose()


def yaml_text(error: yaml.YAMLError) -> str:
    """What YAML's reader found wrong, in a line: the line in the file first, and the file if the reader knows it."""
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return " ".join(str(error).split())
    mark = error.problem_mark
    where = f"line {mark.line + 1}" if mark.name.startswith("<") else f"{mark.name}:{mark.line + 1}"
    return f"{where}: {error.problem}"
