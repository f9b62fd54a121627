"""The parameters that generators of an ApplicationSet find in the repository, and templates filled in with them.

Read: ``list``, ``git`` (directories and files), and a ``matrix`` of them. Clusters, pull requests and the like are known
outside the repository only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product
from typing import Any

from selfheal.cluster.workloads import mapping, mappings
from selfheal.errors import SelfhealError
from selfheal.repair.edits.file import decode
from selfheal.repair.edits.nodes import parse, value_of
from selfheal.repair.view import View

Row = dict[str, str]
_PLACE = re.compile(r"\{\{-?\s*(.*?)\s*-?\}\}")
_SEGMENT = re.compile(r"index\s+\.?path\.segments\s+(\d+)")
#: What the deployed files do not depend on, and may well be filled in with what is not known.
_ASIDE = frozenset({"syncPolicy", "project", "info", "ignoreDifferences", "revisionHistoryLimit"})
_MOST = 200


def rows(view: View, generator: dict[str, Any]) -> list[Row]:
    """One row an Application."""
    matrix = mapping(generator.get("matrix"))
    if matrix:
        parts = [rows(view, item) for item in mappings(matrix.get("generators"))]
        return [_joined(found) for found in product(*parts)][:_MOST] if len(parts) > 1 else []
    found = [_flat(element) for element in mappings(mapping(generator.get("list")).get("elements"))]
    git = mapping(generator.get("git"))
    excluded = {
        folder
        for item in mappings(git.get("directories"))
        if item.get("exclude")
        for folder in _folders(view, item)
    }
    for item in mappings(git.get("directories")):
        if not item.get("exclude"):
            found += [_directory(folder) for folder in _folders(view, item) if folder not in excluded]
    for item in mappings(git.get("files")):
        found += _files(view, str(item.get("path", "")))
    given = _flat(mapping(git.get("values")), "values.")
    return [{**row, **given} for row in found[:_MOST]]


def _joined(parts: tuple[Row, ...]) -> Row:
    whole: Row = {}
    for part in parts:
        whole |= part
    return whole


def _flat(value: dict[str, Any], prefix: str = "") -> Row:
    found: Row = {}
    for key, item in value.items():
        if isinstance(item, dict):
            found |= _flat(item, f"{prefix}{key}.")
        elif not isinstance(item, list):
            found[prefix + str(key)] = str(item).lower() if isinstance(item, bool) else str(item)
    return found


def _directory(folder: str) -> Row:
    base = folder.rpartition("/")[2]
    row = {
        "path": folder, "path.path": folder, "path.basename": base,
        "path.basenameNormalized": re.sub(r"[^a-z0-9.-]", "-", base.lower()),
    }  # fmt: skip
    return row | {f"path[{index}]": part for index, part in enumerate(folder.split("/"))}


def _folders(view: View, item: dict[str, Any]) -> list[str]:
    from selfheal.repair.policy import matches

    folders = {path.rpartition("/")[0] for path in view.files()}
    folders |= {"/".join(folder.split("/")[:depth]) for folder in list(folders) for depth in range(1, 8)}
    return sorted(folder for folder in folders if folder and matches(folder, str(item.get("path", ""))))


def _files(view: View, pattern: str) -> Iterator[Row]:
    from selfheal.repair.policy import matches

    for path, data in view.read_many(name for name in view.files() if matches(name, pattern)).items():
        try:
            content = value_of(parse(decode(path, data))[0])
        except (SelfhealError, IndexError):
            continue
        for value in content if isinstance(content, list) else [content]:
            row = _flat(mapping(value)) | _directory(path.rpartition("/")[0])
            yield row | {"path.filename": path.rpartition("/")[2]}


def filled(value: Any, row: Row) -> Any:
    """A template with its placeholders filled in, None when one is not known."""
    if isinstance(value, str):
        unknown = False

        def told(match: re.Match[str]) -> str:
            nonlocal unknown
            segment = _SEGMENT.fullmatch(match.group(1))
            key = f"path[{segment.group(1)}]" if segment else match.group(1).removeprefix(".")
            unknown |= key not in row
            return row.get(key, "")

        text = _PLACE.sub(told, value)
        return None if unknown else text
    if isinstance(value, dict):
        made = {key: filled(item, row) for key, item in value.items() if key not in _ASIDE}
        return None if any(item is None for item in made.values()) else made
    if isinstance(value, list):
        items = [filled(item, row) for item in value]
        return None if any(item is None for item in items) else items
    return value if value is not None else ""
