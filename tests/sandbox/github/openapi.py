"""GitHub's published description, as far as answers are checked against it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from openapi_schema_validator import OAS30Validator


class Description:
    """``api.github.com.json`` of the npm package ``@octokit/openapi``."""

    def __init__(self, path: Path) -> None:
        self.document = json.loads(path.read_text(encoding="utf-8"))
        _meant(self.document)
        self._paths = []
        for template in self.document["paths"]:
            pattern = "".join(
                f"(?P<p{number}>.+)"
                if "{" in part and part in ("{path}", "{ref}", "{basehead}")
                else "[^/]+"
                if "{" in part
                else re.escape(part)
                for number, part in enumerate(re.split(r"(\{[^}]+\})", template))
            )
            self._paths.append((template, re.compile(pattern)))
        # The most literal template wins: `/pulls/comments/{id}` before `/pulls/{number}/…`.
        self._paths.sort(key=lambda item: (item[0].count("{"), -len(item[0])))

    def operation(self, method: str, path: str) -> tuple[str, dict[str, Any]] | None:
        """The path template and operation that a request belongs to."""
        for template, pattern in self._paths:
            if pattern.fullmatch(path) and method.lower() in self.document["paths"][template]:
                return template, self.document["paths"][template][method.lower()]
        return None

    def problems(self, method: str, path: str, status: int, body: Any) -> list[str]:
        """What is wrong with an answer; empty when nothing."""
        found = self.operation(method, path)
        if found is None:
            return [f"{method} {path}: GitHub has no such operation"]
        template, operation = found
        response = operation["responses"].get(str(status))
        if response is None:
            return [f"{method} {template}: {status} is not among {sorted(operation['responses'])}"]
        if "$ref" in response:
            response = self.document["components"]["responses"][response["$ref"].rpartition("/")[2]]
        content = response.get("content", {}).get("application/json")
        if content is None:
            return [] if body is None else [f"{method} {template}: {status} has no body"]
        schema = {"components": self.document["components"], **content["schema"]}
        validator = OAS30Validator(schema)
        return [
            f"{method} {template}: {status} at {error.json_path}: {error.message[:300]}"
            for error in validator.iter_errors(body)
        ]


def _meant(part: Any) -> None:
    """Read the description as it is meant: enumerations that are nullable take null, alternatives may overlap.

    Discriminators go: one of them looks for a property of an array.
    """
    if isinstance(part, dict):
        if part.get("nullable") is True and isinstance(part.get("enum"), list) and None not in part["enum"]:
            part["enum"].append(None)
        if isinstance(part.get("oneOf"), list):
            part["anyOf"] = part.pop("oneOf")
            part.pop("discriminator", None)
        for value in part.values():
            _meant(value)
    elif isinstance(part, list):
        for value in part:
            _meant(value)
