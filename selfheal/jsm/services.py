"""The affected services of an incident: which field holds them on this site, and which names stand in it.

Sites with JSM's own service registry have a field for it, found by its type. Others use a field of their own (a text, a
list to choose from, labels, or Jira's components); ``jira.services_field`` names it.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from selfheal.errors import ConfigurationProblem
from selfheal.jsm.adf import plain

#: Names in one text stand apart by these.
_APART = re.compile(r"[,;\n]")
_SHOWN = 3


def field_of(fields: Sequence[Mapping[str, Any]], configured: str = "") -> str:
    """The id of the field, out of the site's list of fields; "" where a site has none and none is configured.

    ``configured`` is an id or a name. Raises ConfigurationProblem when no field, or more than one, is called so.
    """
    if not configured:
        return next((str(field.get("id", "")) for field in fields if _jsm_own(field)), "")
    if any(field.get("id") == configured for field in fields):
        return configured
    wanted = configured.casefold()
    named = [str(field.get("id", "")) for field in fields if str(field.get("name", "")).casefold() == wanted]
    if len(named) == 1:
        return named[0]
    if named:
        raise ConfigurationProblem(
            f"Jira has {len(named)} fields called {configured!r} (jira.services_field): {', '.join(sorted(named))}.",
            hint="Set jira.services_field to the id of the one that holds the affected service.",
        )
    names = sorted({str(field.get("name", "")) for field in fields})
    near = difflib.get_close_matches(configured, names, _SHOWN, 0.6)
    also = f" Fields called nearly so: {', '.join(near)}." if near else ""
    raise ConfigurationProblem(
        f"Jira has no field {configured!r} (jira.services_field) that our account may see.",
        hint=f"Set it to the field's id, such as customfield_10123, or to its name as Jira shows it.{also}",
    )


def _jsm_own(field: Mapping[str, Any]) -> bool:
    kind = str((field.get("schema") or {}).get("custom", ""))
    return "service-entity" in kind or str(field.get("name", "")).casefold() == "affected services"


def names_in(value: Any) -> tuple[str, ...]:
    """Names of services in the value of a field of any type that can hold one: text, option, several of them, cascade."""
    if isinstance(value, dict) and value.get("type") == "doc":
        value = plain(value)
    # People who may write freely write several names in one line; what is chosen is one name, whatever is in it.
    found = _APART.split(value) if isinstance(value, str) else _chosen(value)
    return tuple(dict.fromkeys(name.strip() for name in found if name.strip()))


def _chosen(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _chosen(item)
    elif isinstance(value, dict):
        # Of a cascade the inner choice says more.
        inner = value.get("child")
        if isinstance(inner, dict):
            yield from _chosen(inner)
        else:
            yield str(value.get("name") or value.get("value") or "")
    elif value:
        yield str(value)
