"""The error tree of the house.

Every error a person may meet says what failed, on which object, why, and what to do next. Vendor errors
(requests, PyGithub, kubernetes, crewai) never leave the package that talks to the vendor: they are chained
with ``from``. ``selfheal.incidents`` stands below this module and has errors of its own.
"""

from __future__ import annotations


class SelfhealError(Exception):
    """Base of all errors raised by the house.

    ``message`` names what failed and on which object, ``hint`` what to do next, ``code`` is a stable word for
    programs (kebab-case), ``exit_code`` what the command line answers with.
    """

    exit_code = 1
    code = "failed"

    def __init__(self, message: str, *, hint: str = "", code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        if code is not None:
            self.code = code

    def as_json(self) -> dict[str, str]:
        """The shape tools answer with: ``{"code", "message", "hint"}``."""
        return {"code": self.code, "message": self.message, "hint": self.hint}


class UsageProblem(SelfhealError):
    """The call itself is wrong (an impossible flag, a malformed incident key)."""

    exit_code = 2
    code = "usage"


class ConfigurationProblem(SelfhealError):
    """A setting, file or variable is missing or wrong."""

    exit_code = 3
    code = "configuration"


class CredentialProblem(ConfigurationProblem):
    """A token or kubeconfig is missing, refused or expired."""

    code = "credentials"


class Outage(SelfhealError):
    """A dependency does not answer properly now (5xx, timeout, rate limit, connection refused).

    An outage uses no attempt: the incident keeps its state and is tried again after ``retry_after`` seconds.
    """

    code = "outage"

    def __init__(
        self, message: str, *, hint: str = "", code: str | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message, hint=hint, code=code)
        self.retry_after = retry_after


class NotFound(SelfhealError):
    """The named object does not exist, or our identity may not see it."""

    code = "not-found"


class Conflict(SelfhealError):
    """Somebody else changed the object first; read it again before deciding."""

    code = "conflict"


class Refused(SelfhealError):
    """Our own policy forbids this (another incident's key, a protected path, a forged proof)."""

    code = "refused"


class NeedsPerson(SelfhealError):
    """The crew may not or cannot decide this alone; a person is asked."""

    exit_code = 4
    code = "needs-person"
