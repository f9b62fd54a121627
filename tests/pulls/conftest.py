"""A repository in the embedded GitHub, a change that the gate signed, and a clock that never waits."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from selfheal.config import Settings
from selfheal.incidents.record import (
    Analysis,
    Change,
    Evidence,
    ObjectRef,
    PatchPointer,
    PolicyVerdict,
    PullRequest,
    Record,
    RenderedChange,
    Source,
)
from selfheal.incidents.states import State
from selfheal.pulls.manager import PullRequests
from selfheal.repair import envelope
from selfheal.repair.signature import sign
from selfheal.sandbox.github.app import GitHubEmulator

REPOSITORY = "acme/shop"
KEY = "OPS-7"
PATH = "deploy/checkout/deployment.yaml"
BEFORE = b"kind: Deployment\nspec:\n  memory: 64Mi\n  image: shop:1\n"
AFTER = b"kind: Deployment\nspec:\n  memory: 128Mi\n  image: shop:1\n"
SECRET = "k" * 32
WHEN = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)


class FakeClock:
    """Time passes only by sleeping."""

    def __init__(self) -> None:
        self.at = 0.0
        self.slept: list[float] = []

    def now(self) -> datetime:
        return WHEN + timedelta(seconds=self.at)

    def monotonic(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at += seconds


class Shop:
    """The embedded GitHub with one repository, and what a pr stage would hold."""

    def __init__(self, server: GitHubEmulator) -> None:
        self.server = server
        self.clock = FakeClock()
        #: The bytes of the last change that `create` published.
        self.signed = b""

    def stored(self) -> bytes:
        """The signed patch as the incident holds it."""
        return self.signed

    def settings(self, **groups: Any) -> Settings:
        endpoints = {
            "github_url": self.server.url,
            "github_token": groups.pop("token", self.server.bot_token),
            "github_repository": REPOSITORY,
            "signing_key": groups.pop("signing_key", SECRET),
        }
        return Settings.model_validate({"endpoints": endpoints, **groups})

    def pulls(self, **groups: Any) -> PullRequests:
        return PullRequests.connect(self.settings(**groups), self.clock)

    def patch(self, *, after: bytes | None = AFTER, before: bytes | None = BEFORE, path: str = PATH,
              attempt: int = 1, key: str = KEY, base: str = "", mode: str = "100644") -> bytes:  # fmt: skip
        base = base or self.server.head(REPOSITORY)
        file = envelope.patch_file(path, mode, before, after)
        return envelope.pack(envelope.Envelope(REPOSITORY, key, attempt, base, (file,)))

    def record(self, patch: bytes, *, key: str = KEY, secret: str = SECRET, **update: Any) -> Record:
        packed = envelope.unpack(patch)
        digest = envelope.digest(patch)
        signature = sign(
            secret, repository=packed.repository, incident=key, attempt=packed.attempt, base_sha=packed.base_sha,
            digest=digest,
        )  # fmt: skip
        ref = ObjectRef(kind="Deployment", namespace="shop", name="checkout")
        field = "/spec/template/spec/containers/name=app/resources/limits/memory"
        change = Change(
            decision="propose",
            reason="Its working set does not fit.",
            title="Raise the memory limit of checkout",
            base_sha=packed.base_sha,
            paths=tuple(file.path for file in packed.files),
            patch=PatchPointer(digest=digest, chunks=1, size=len(patch)),
            rendered=(
                RenderedChange(
                    object=ref, field=field, before="64Mi", after="128Mi", origin="twice the limit"
                ),
            ),
            policy=(PolicyVerdict(rule="paths", passed=True, detail="1 file"),),
            attempt=packed.attempt,
            signature=signature,
        )
        analysis = Analysis(
            verdict="fault",
            fault="oom-killed",
            object=ref,
            container="app",
            confidence=0.95,
            summary="Container app is killed for using more than 64Mi.",
            evidence=(
                Evidence(
                    id="e1", source="object", object=ref, field=field, value="64Mi", message="the limit"
                ),
            ),
        )
        made = Record(
            state=State.FIX_GENERATED, attempt=packed.attempt, entered=WHEN, analysis=analysis, change=change,
            source=Source(repository=REPOSITORY, branch="main", path="deploy/checkout"),
        )  # fmt: skip
        return made.model_copy(update=update)

    def create(self, pulls: PullRequests | None = None, **patch: Any) -> tuple[PullRequest, Record]:
        """A pull request and the record after it."""
        data = self.signed = self.patch(**patch)
        record = self.record(data)
        made = (pulls or self.pulls()).create(KEY, record, data, summary="Checkout is down", url="")
        return made, record.model_copy(update={"state": State.PR_CREATED, "pull_requests": (made,)})

    def break_(self, **fault: Any) -> None:
        from selfheal.sandbox.emulator import InjectedFault

        self.server.faults.append(InjectedFault(**fault))

    def branches(self) -> list[str]:
        import subprocess

        listed = subprocess.run(
            ["git", "for-each-ref", "--format=%(refname:short)", "refs/heads"], cwd=self.server.bare(REPOSITORY),
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        return listed.stdout.split()

    def git(self, *arguments: str) -> str:
        import subprocess

        return subprocess.run(
            ["git", *arguments], cwd=self.server.bare(REPOSITORY), capture_output=True, text=True, check=True
        ).stdout

    def open_pulls(self) -> list[int]:
        repository = self.server.hub.store.repository(REPOSITORY)
        assert repository is not None
        return [number for number, issue in repository.issues.items() if issue.pull is not None]

    def effects(self) -> list[str]:
        return [
            f"{row['method']} {row['path'].split('/shop/')[-1]}"
            for row in self.server.requests
            if row["effect"] and not row["path"].endswith("/graphql")
        ]  # a query is no write


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    server = GitHubEmulator(tmp_path / "github")
    server.add_repository(
        REPOSITORY, {PATH: BEFORE, "README.md": "shop\n", "deploy/checkout/service.yaml": "kind: Service\n"}
    )
    server.add_person("erin", REPOSITORY, "write")
    server.add_person("rob", REPOSITORY, "read")
    with server:
        yield Shop(server)
