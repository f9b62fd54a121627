"""Reads the files a step writes as the runner does."""

from __future__ import annotations


def read_outputs(text: str) -> dict[str, str]:
    """``name<<mark``, lines, ``mark``; the last value of a name counts."""
    found, lines = {}, iter(text.split("\n"))
    for line in lines:
        if not line:
            continue
        name, _sign, mark = line.partition("<<")
        value = []
        for inner in lines:
            if inner == mark:
                break
            value.append(inner)
        found[name] = "\n".join(value)
    return found
