"""The gate's signature: an HMAC over what it proved. Known to the gate and to the pull request stage only."""

from __future__ import annotations

import hashlib
import hmac
import json

from selfheal.errors import ConfigurationProblem

_PREFIX = "v1:"
_SHORTEST = 16


def sign(
    key: str,
    *,
    repository: str,
    incident: str,
    attempt: int,
    base_sha: str,
    digest: str,
    free: bool = False,
) -> str:
    """The signature; ``free`` is part of it, so that a change edited freely never passes for a proven remedy.

    Raises ConfigurationProblem for a missing or short key.
    """
    if len(key) < _SHORTEST:
        raise ConfigurationProblem(
            f"The signing key is missing or shorter than {_SHORTEST} characters.",
            hint="Set SELFHEAL_SIGNING_KEY, for example to the output of `openssl rand -hex 32`.",
        )
    what = "selfheal-free-change" if free else "selfheal-change"
    said = json.dumps([what, repository, incident, attempt, base_sha, digest], separators=(",", ":"))
    return _PREFIX + hmac.new(key.encode(), said.encode(), hashlib.sha256).hexdigest()


def verify_signature(
    key: str,
    signature: str,
    *,
    repository: str,
    incident: str,
    attempt: int,
    base_sha: str,
    digest: str,
    free: bool = False,
) -> bool:
    """Whether the gate signed exactly this. Never raises for a wrong signature."""
    if len(key) < _SHORTEST:
        return False
    right = sign(
        key,
        repository=repository,
        incident=incident,
        attempt=attempt,
        base_sha=base_sha,
        digest=digest,
        free=free,
    )
    return hmac.compare_digest(right.encode(), signature.encode("utf-8", "replace"))
