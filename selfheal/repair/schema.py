"""Whether changed objects are what the cluster's version of Kubernetes accepts."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Any

from selfheal.incidents.record import ObjectRef, PolicyVerdict
from selfheal.repair.objects import Object

RULE = "schema"
_VERSION = re.compile(r"^v?(\d+)\.(\d+)")


def verdict(
    before: Mapping[ObjectRef, Object], after: Mapping[ObjectRef, Object], version: str = ""
) -> PolicyVerdict:
    """Passed unless an object has a fault that it did not have before. Kinds without schema (custom ones) pass.

    ``version`` is the cluster's, "" for the newest that is known.
    """
    checked, unknown = 0, 0
    for key, obj in sorted(after.items(), key=lambda pair: str(pair[0])):
        if before.get(key) == obj:
            continue
        problem = problem_of(obj, version)
        if problem is None:
            unknown += 1
            continue
        checked += 1
        if problem and problem != problem_of(before[key], version) if key in before else problem:
            return PolicyVerdict(rule=RULE, passed=False, detail=f"{key}: {problem}"[:400])
    told = f"{checked} checked" + (f", {unknown} of a kind without schema" if unknown else "")
    return PolicyVerdict(rule=RULE, passed=True, detail=told)


def problem_of(obj: Object, version: str = "") -> str | None:
    """The first thing a schema has against an object, "" when nothing, None when its kind has no schema."""
    import kubernetes_validate
    from kubernetes_validate.utils import VersionNotSupportedError

    if not isinstance(obj.get("apiVersion"), str) or not isinstance(obj.get("kind"), str):
        return "it names no apiVersion or kind"
    try:
        kubernetes_validate.validate(obj, _version(version), strict=True)
    except kubernetes_validate.ValidationError as error:
        where = "/".join(str(part) for part in error.path)
        return f"{where or 'the object'}: {error.message}"[:300]
    except (kubernetes_validate.SchemaNotFoundError, kubernetes_validate.InvalidSchemaError):
        return None
    except VersionNotSupportedError:
        return problem_of(obj) if version else None
    return ""


@functools.cache
def _version(asked: str) -> str:
    import kubernetes_validate

    newest: Any = kubernetes_validate.latest_version()
    match = _VERSION.match(asked)
    if match is None:
        return str(newest)
    known = _VERSION.match(str(newest))
    wanted = (int(match.group(1)), int(match.group(2)))
    if known and wanted > (int(known.group(1)), int(known.group(2))):
        return str(newest)
    return f"{wanted[0]}.{wanted[1]}"
