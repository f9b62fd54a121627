"""What a caller may say with a transition. Never a proof: those come from verifiers alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from selfheal.errors import Refused


class Metadata(BaseModel):
    """``note`` goes into the history; ``code`` and ``reason`` say why a person has to go on."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    note: str = Field(default="", max_length=2_000)
    code: str = Field(default="", max_length=60)
    reason: str = Field(default="", max_length=20_000)


def checked(metadata: Mapping[str, Any] | None) -> Metadata:
    """``metadata`` against the schema. Raises Refused naming the key that is unknown or wrong."""
    try:
        return Metadata.model_validate(dict(metadata or {}))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = ".".join(str(part) for part in first["loc"])[:60]
        raise Refused(
            f"The metadata's '{name}' is refused: {first['msg']}.",
            hint=f"Known keys: {', '.join(Metadata.model_fields)}. A proof cannot be handed in.",
            code="metadata-refused",
        ) from error
