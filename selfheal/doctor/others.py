"""The configuration itself, the model, the signing key."""

from __future__ import annotations

from collections.abc import Iterator

from selfheal.clock import Clock
from selfheal.config import Settings
from selfheal.doctor.finding import Check

_SIGNING_KEY_MIN = 32


def configuration(settings: Settings) -> Iterator[Check]:
    """What was read, and what nobody can heal with."""
    yield Check(
        "configuration",
        "ok",
        f"mode {settings.mode}, model {settings.model_name}, {len(settings.services)} services mapped",
    )
    if not settings.services:
        yield Check(
            "configuration", "warning", "no service is mapped", "Only services that are listed may be touched; every incident goes to a person.",
            "List them under services in .selfheal.yml: name, namespace, workloads, path.",
        )  # fmt: skip
    clusters = {service.cluster for service in settings.services if service.cluster}
    if len(clusters) > 1 and not settings.cluster:
        yield Check(
            "configuration", "warning", f"services run in {len(clusters)} clusters ({', '.join(sorted(clusters))})",
            "A run reaches one cluster, and nothing says which this one is.",
            "Set SELFHEAL_CLUSTER; in Actions store a mapping from cluster names to kubeconfigs as the secret KUBECONFIG.",
        )  # fmt: skip


def model(settings: Settings, clock: Clock) -> Iterator[Check]:
    """Whether the provider answers; no token is spent."""
    if settings.model_name == "builtin":
        yield Check("model", "ok", "builtin: the catalogue works without a model")
        return
    from selfheal.models.probe import reachable

    yield Check("model", "ok", f"{settings.model_name}: {reachable(settings)}")


def signing_key(settings: Settings, clock: Clock) -> Iterator[Check]:
    """Whether gate and pr can agree."""
    key = settings.endpoints.signing_key.get_secret_value()
    if not key:
        yield Check(
            "signing key", "warning", "SELFHEAL_SIGNING_KEY is not set",
            "`run` makes one for itself; separate gate and pr jobs need the same one.",
            "Make one with `openssl rand -hex 32` and store it: gh secret set SELFHEAL_SIGNING_KEY",
        )  # fmt: skip
    elif len(key) < _SIGNING_KEY_MIN:
        yield Check(
            "signing key", "failed", "SELFHEAL_SIGNING_KEY is short", "A guessable key signs anything.",
            f"Use at least {_SIGNING_KEY_MIN} characters: openssl rand -hex 32",
        )  # fmt: skip
    else:
        yield Check("signing key", "ok", "set")
