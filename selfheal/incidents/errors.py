"""Refusals of the pure domain. They carry a code, a message and a hint, like the errors of the house above."""

from __future__ import annotations


class IncidentError(Exception):
    """Base of what the domain raises. ``code`` is a stable kebab-case word, ``hint`` says what to do next."""

    code = "incident"

    def __init__(self, message: str, *, hint: str = "", code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        if code is not None:
            self.code = code


class TransitionRefused(IncidentError):
    """The step does not exist, or its proof is missing or does not fit."""

    code = "transition-refused"


class ProofRefused(IncidentError):
    """The source was asked and does not say what the proof would need."""

    code = "proof-refused"


class RecordInvalid(IncidentError):
    """The stored record cannot be read: a person edited it, or it is from a newer version."""

    code = "record-invalid"


class OverBudget(IncidentError):
    """A section of the record is larger than its budget even after trimming."""

    code = "over-budget"
