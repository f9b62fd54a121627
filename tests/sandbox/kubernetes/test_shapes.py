"""Every object served has only fields that the published API description knows, of the types it says."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from selfheal.sandbox.kubernetes.fidelity.recording import Recording
from selfheal.sandbox.kubernetes.fidelity.replay import replay

TYPES = {"string": str, "integer": int, "number": (int, float), "boolean": bool}


@cache
def _definitions(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))["definitions"]


def _of(definitions: dict[str, Any], group: str, version: str, kind: str) -> dict[str, Any]:
    wanted = {"group": group, "kind": kind, "version": version}
    return next(
        item for item in definitions.values() if wanted in item.get("x-kubernetes-group-version-kind", [])
    )


def problems(definitions: dict[str, Any], schema: dict[str, Any], value: Any, path: str) -> list[str]:
    if "$ref" in schema:
        schema = definitions[schema["$ref"].rpartition("/")[2]]
    if value is None:
        return []
    if "properties" in schema:
        if not isinstance(value, dict):
            return [f"{path}: {value!r} is no object"]
        missing = [name for name in schema.get("required", []) if name not in value]
        found = [f"{path}: {name} is missing" for name in missing]
        for name, held in value.items():
            if name not in schema["properties"]:
                found.append(f"{path}: {name} is unknown")
            else:
                found += problems(definitions, schema["properties"][name], held, f"{path}.{name}")
        return found
    if schema.get("type") == "array":
        return [item for held in value for item in problems(definitions, schema["items"], held, f"{path}[]")]
    if "additionalProperties" in schema:
        return [
            item for name, held in value.items()
            for item in problems(definitions, schema["additionalProperties"], held, f"{path}.{name}")
        ]  # fmt: skip
    # int-or-string and quantities are described as strings.
    expected = TYPES.get(schema.get("type", ""))
    loose = (
        schema.get("format") == "int-or-string" or "quantity" in schema.get("description", "").lower()[:120]
    )
    if (
        expected is None
        or loose
        or (isinstance(value, expected) and not (expected is int and isinstance(value, bool)))
    ):
        return []
    return [f"{path}: {value!r} is no {schema['type']}"]


def test_objects_have_the_published_shape(shared):
    definitions = _definitions(shared / "specs" / "kubernetes.swagger.json")
    kinds: set[str] = set()
    found: set[str] = set()
    for case in ("shop-catalog-campaign-capacity", "billing-migration-failed", "campus-enrolment-upgrade", "harbour-tides-gone",
                 "identity-tokens-pile-up", "media-queue-down", "analytics-query-api-hpa"):  # fmt: skip
        emulator = replay(Recording(shared / "recordings" / case / "faulty"))
        for obj in emulator.cluster.store.everything():
            group, _, version = obj["apiVersion"].rpartition("/")
            schema = _of(definitions, group, version, obj["kind"])
            found |= set(problems(definitions, schema, obj, obj["kind"]))
            kinds.add(obj["kind"])
    assert sorted(found) == []
    assert len(kinds) > 18
