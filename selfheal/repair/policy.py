"""What a change may touch: one verdict a rule. A rule that cannot be judged counts as broken."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from selfheal.cluster import pointer
from selfheal.cluster.quantity import quantity
from selfheal.cluster.workloads import mapping
from selfheal.config.model import Policy
from selfheal.errors import SelfhealError
from selfheal.incidents.record import ObjectRef, PolicyVerdict
from selfheal.repair import risks
from selfheal.repair.edits.file import untouchable
from selfheal.repair.leaks import leaks
from selfheal.repair.objects import Object

#: Paths that no change of ours touches, whatever the configuration: what a build, a forge or an editor executes.
PROTECTED = (
    "**/.*/**", "**/.*", "**/CODEOWNERS", "**/OWNERS", "**/Makefile", "**/*.mk", "**/Dockerfile*", "**/Containerfile*",
    "**/Jenkinsfile*", "**/Tiltfile", "**/Justfile", "**/*.sh", "**/*.bash", "**/*.ps1", "**/*.bat", "**/*.lock",
    "**/*-lock.*", "**/go.sum", "**/package.json",
    "**/pom.xml", "**/build.gradle*", "**/*.tf", "**/*.tfvars", "**/skaffold.y*ml", "**/azure-pipelines*.y*ml",
    "**/bitbucket-pipelines.y*ml", "**/cloudbuild.y*ml", "**/buildspec*.y*ml", "**/docker-compose*.y*ml", "scripts/**",
    "hack/**", "bin/**",
)  # fmt: skip
#: Programs: a remedy never touches one; what an agent edits freely may be the service itself.
PROGRAMS = ("**/*.py", "**/*.rb", "**/*.js", "**/*.ts", "**/*.go")
#: Programs that a build or a test run executes, and tests: a free edit could pass by weakening what judges it.
JUDGES = (
    "**/setup.py", "**/conftest.py", "**/noxfile.py", "**/fabfile.py", "**/tasks.py", "**/Rakefile", "**/*.rake",
    "**/*.gemspec", "**/magefile*.go", "**/gulpfile.*", "**/Gruntfile.*", "**/*.config.*", "**/pyproject.toml", "**/tox.ini",
    "**/setup.cfg", "**/go.mod", "**/Cargo.toml", "**/build.rs", "**/CMakeLists.txt", "**/*.csproj", "**/*.sln", "**/BUILD",
    "**/BUILD.bazel", "**/WORKSPACE", "**/WORKSPACE.*", "**/*.bzl", "**/*.gradle*", "**/test/**", "**/tests/**", "**/__tests__/**", "**/spec/**",
    "**/testdata/**", "**/test_*", "**/*_test.*", "**/*.test.*", "**/*.spec.*", "**/*_spec.*", "**/*Test.java",
    "**/*Tests.java", "**/*Test.kt", "**/*Tests.cs", "**/*Test.php",
)  # fmt: skip
#: The marker by which Flux's image automation finds the lines that it writes.
_IMAGE_POLICY = re.compile(rb"#\s*\{\s*\"\$imagepolicy\"\s*:\s*\"([^\"]+)\"")
_KEPT_KINDS = ("ValidatingWebhookConfiguration", "MutatingWebhookConfiguration")


@dataclass(frozen=True)
class Proposal:
    """What the rules look at. ``before`` and ``after`` hold rendered objects, at least those that differ."""

    files: Mapping[str, tuple[bytes | None, bytes | None]]
    before: Mapping[ObjectRef, Object] = field(default_factory=dict)
    after: Mapping[ObjectRef, Object] = field(default_factory=dict)
    #: Images that the repository already names, as registry hosts.
    registries: frozenset[str] = frozenset()
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    #: Whether an agent edited the files freely; then programs may change, and what judges them may not.
    free: bool = False


def verdicts(proposal: Proposal, policy: Policy) -> tuple[PolicyVerdict, ...]:
    """Every rule's verdict, in a fixed order."""
    found = []
    for name, rule in RULES.items():
        try:
            broken = list(rule(proposal, policy))
        except (SelfhealError, ValueError, TypeError, KeyError, AttributeError) as error:
            broken = [f"it could not be judged ({type(error).__name__})"]
        detail = "; ".join(dict.fromkeys(broken))[:400]
        found.append(PolicyVerdict(rule=name, passed=not broken, detail=detail))
    return tuple(found)


def matches(path: str, pattern: str) -> bool:
    """Whether a glob covers a path; ``**`` spans folders, ``*`` does not. Case is ignored, as some systems do."""
    expression = ""
    rest = pattern.strip("/")
    while rest:
        if rest.startswith("**/"):
            expression, rest = expression + "(?:.*/)?", rest[3:]
        elif rest.startswith("**"):
            expression, rest = expression + ".*", rest[2:]
        elif rest[0] == "*":
            expression, rest = expression + "[^/]*", rest[1:]
        elif rest[0] == "?":
            expression, rest = expression + "[^/]", rest[1:]
        else:
            expression, rest = expression + re.escape(rest[0]), rest[1:]
    return re.fullmatch(expression, path, re.IGNORECASE) is not None


def _allowed_paths(proposal: Proposal, policy: Policy) -> Iterator[str]:
    for path in proposal.files:
        if not any(matches(path, pattern) for pattern in policy.allowed_paths):
            yield f"{path} is outside the allowed paths"


def _protected_paths(proposal: Proposal, policy: Policy) -> Iterator[str]:
    for path in proposal.files:
        for pattern in (*PROTECTED, *(JUDGES if proposal.free else PROGRAMS), *policy.protected_paths):
            if matches(path, pattern):
                yield f"{path} is protected ({pattern})"
                break


def _files(proposal: Proposal, policy: Policy) -> Iterator[str]:
    if not proposal.files or len(proposal.files) > policy.max_files:
        yield f"{len(proposal.files)} files change; {policy.max_files} are allowed"
    for path, (_before, after) in proposal.files.items():
        if after is None:
            yield f"{path} would be removed"


def _lines(proposal: Proposal, policy: Policy) -> Iterator[str]:
    count = sum(len(list(_changed_lines(*pair))) for pair in proposal.files.values())
    if count > policy.max_lines:
        yield f"{count} lines change; {policy.max_lines} are allowed"


def _changed_lines(before: bytes | None, after: bytes | None) -> Iterator[bytes]:
    from selfheal.repair import unified

    for line in unified.diff("x", before, after, context=0).split(b"\n")[2:]:
        if line[:1] in (b"+", b"-"):
            yield line


def _generated(proposal: Proposal, policy: Policy) -> Iterator[str]:
    for path, (before, after) in proposal.files.items():
        reason = untouchable(path, (before or b"").decode("utf-8", "replace"))
        if reason:
            yield reason
        for line in _changed_lines(before, after):
            owner = _IMAGE_POLICY.search(line) if line[:1] == b"-" else None
            if owner is not None:
                name = owner.group(1).decode("utf-8", "replace")
                yield f"{path} holds an image that Flux sets by its policy {name}, which would set it again"


def _secrets(proposal: Proposal, policy: Policy) -> Iterator[str]:
    for path, (before, after) in proposal.files.items():
        added = [line[1:] for line in _changed_lines(before, after) if line[:1] == b"+"]
        for text in leaks(
            [line.decode("utf-8") for line in added], (before or b"").decode("utf-8", "replace")
        ):
            yield f"{path}: {text}"


def _secret_objects(proposal: Proposal, policy: Policy) -> Iterator[str]:
    for key in _changed(proposal):
        if key.kind in ("Secret", "SealedSecret", "ExternalSecret"):
            yield f"{key} is for people to change"


def _registries(proposal: Proposal, policy: Policy) -> Iterator[str]:
    known = proposal.registries | set(policy.image_registries)
    for key, where, _old, new in _new_images(proposal):
        if registry(new) not in known and not any(new.startswith(f"{item.rstrip('/')}/") for item in known):
            yield f"{key} {where} would come from {registry(new)}, which is not in use"


def _pinned(proposal: Proposal, policy: Policy) -> Iterator[str]:
    for key, where, _old, new in _new_images(proposal):
        name, _, digest = new.partition("@")
        tag = name.rpartition("/")[2].partition(":")[2]
        if not digest and tag in ("", "latest"):
            yield f"{key} {where} would run {new}, which is no fixed version"


def _new_images(proposal: Proposal) -> Iterator[tuple[ObjectRef, str, str, str]]:
    for key in _changed(proposal):
        old = risks.images(proposal.before.get(key, {}))
        for where, image in risks.images(proposal.after.get(key, {})).items():
            if image != old.get(where):
                yield key, where, old.get(where, ""), image


def registry(image: str) -> str:
    """The host an image comes from; Docker Hub for images that name none."""
    first, slash, _ = image.partition("/")
    return first if slash and ("." in first or ":" in first or first == "localhost") else "docker.io"


def _danger(rule: str) -> Callable[[Proposal, Policy], Iterator[str]]:
    def judge(proposal: Proposal, policy: Policy) -> Iterator[str]:
        for key in _changed(proposal):
            old = risks.dangers(proposal.before.get(key, {}))
            for name, what in sorted(risks.dangers(proposal.after.get(key, {})) - old):
                if name == rule:
                    yield f"{key}: {what}"

    return judge


def _protection(rule: str) -> Callable[[Proposal, Policy], Iterator[str]]:
    def judge(proposal: Proposal, policy: Policy) -> Iterator[str]:
        for key in _changed(proposal):
            new = risks.protections(proposal.after.get(key, {}))
            if key not in proposal.after:
                continue
            for name, what in sorted(risks.protections(proposal.before.get(key, {})) - new):
                if name == rule and not risks.covered(what, new):
                    yield f"{key} would lose {what}"

    return judge


def _replicas(proposal: Proposal, policy: Policy) -> Iterator[str]:
    for key in _changed(proposal):
        for field_name in ("/spec/replicas", "/spec/minReplicas", "/spec/maxReplicas"):
            old = pointer.resolve(proposal.before.get(key, {}), field_name)
            new = pointer.resolve(proposal.after.get(key, {}), field_name)
            if new == 0 and old != 0:
                yield f"{key} would be scaled to zero"
        for field_name in ("/spec/suspend", "/spec/paused"):
            old = pointer.resolve(proposal.before.get(key, {}), field_name)
            if pointer.resolve(proposal.after.get(key, {}), field_name) is True and old is not True:
                yield f"{key} would be stopped ({field_name})"


def _objects(proposal: Proposal, policy: Policy) -> Iterator[str]:
    for key in proposal.before.keys() - proposal.after.keys():
        if key.kind not in _KEPT_KINDS:
            yield f"{key} would be deleted"


def _quotas(proposal: Proposal, policy: Policy) -> Iterator[str]:
    if policy.allow_quota_raise:
        return
    for key in _changed(proposal):
        if key.kind not in ("ResourceQuota", "LimitRange"):
            continue
        old, new = proposal.before.get(key, {}), proposal.after.get(key, {})
        if key.kind == "LimitRange":
            yield f"{key} would change; that needs a person's approval (allow_quota_raise)"
            continue
        hard = mapping(pointer.resolve(old, "/spec/hard", {}))
        for name, value in hard.items():
            now = quantity(pointer.resolve(new, pointer.join("spec", "hard", name)))
            was = quantity(value)
            if now is None or was is None or now > was:
                yield f"{key} would allow more {name}; that needs a person's approval (allow_quota_raise)"


def _freeze(proposal: Proposal, policy: Policy) -> Iterator[str]:
    for interval in policy.freeze:
        start, slash, end = interval.partition("/")
        if not slash:
            yield f"the freeze {interval} is no interval"
            continue
        first, last = (_aware(datetime.fromisoformat(text)) for text in (start, end))
        if first <= proposal.now <= last:
            yield f"nothing is changed from {start} to {end}"


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _changed(proposal: Proposal) -> Sequence[ObjectRef]:
    keys = proposal.before.keys() | proposal.after.keys()
    return sorted((key for key in keys if proposal.before.get(key) != proposal.after.get(key)), key=str)


#: In the order in which they are reported.
RULES: dict[str, Callable[[Proposal, Policy], Iterator[str]]] = {
    "allowed-paths": _allowed_paths,
    "protected-paths": _protected_paths,
    "generated-files": _generated,
    "files": _files,
    "lines": _lines,
    "secrets": _secrets,
    "secret-objects": _secret_objects,
    "image-registries": _registries,
    "image-pinned": _pinned,
    "privileged": _danger("privileged"),
    "host-access": _danger("host-access"),
    "rbac": _danger("rbac"),
    "network": _danger("network"),
    "webhooks": _danger("webhooks"),
    "hardening": _protection("hardening"),
    "probes": _protection("probes"),
    "replicas": _replicas,
    "objects": _objects,
    "quotas": _quotas,
    "freeze": _freeze,
}
