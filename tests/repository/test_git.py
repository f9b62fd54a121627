"""git in a repository nobody vouches for: nothing of it is executed, no credential rests anywhere."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from selfheal.errors import ConfigurationProblem, NotFound, Outage, Refused, SelfhealError
from selfheal.repository import git
from selfheal.repository.worktree import WorkTree, clone
from tests.repository.support import plain_git


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    directory = tmp_path / "origin"
    directory.mkdir()
    plain_git(directory, "init", "-q", "-b", "main")
    (directory / "app.yaml").write_text("kind: Deployment\nimage: app:1\n")
    (directory / "run.sh").write_text("#!/bin/sh\n")
    (directory / "run.sh").chmod(0o755)
    plain_git(directory, "add", ".")
    plain_git(directory, "commit", "-q", "-m", "first")
    (directory / "app.yaml").write_text("kind: Deployment\nimage: app:2\n")
    plain_git(directory, "commit", "-q", "-am", "second\n\nIncident: OPS-7\n\n- app.yaml")
    return directory


def test_files_modes_and_history_are_read_at_the_commit(repository: Path) -> None:
    (repository / "app.yaml").write_text("changed in the work tree\n")
    (repository / "link").symlink_to("/etc/passwd")
    plain_git(repository, "add", "link")
    plain_git(repository, "commit", "-q", "-m", "a link")
    tree = WorkTree(repository)
    assert tree.base_sha == plain_git(repository, "rev-parse", "HEAD")
    assert tree.files() == ("app.yaml", "run.sh")
    assert tree.read("app.yaml") == b"kind: Deployment\nimage: app:2\n"
    assert tree.mode("run.sh") == "100755"
    assert tree.read("link") is None
    newest, oldest = tree.history("app.yaml")
    assert (newest.subject, newest.incident, newest.paths) == ("second", "OPS-7", ("app.yaml",))
    assert oldest.incident == ""
    assert tree.show(f"{newest.sha}^", "app.yaml") == b"kind: Deployment\nimage: app:1\n"
    assert [match.line for match in tree.search("IMAGE: app:2")] == [2]
    with pytest.raises(NotFound):
        tree.at("no-such-revision")


def test_only_regular_files_are_exported(repository: Path, tmp_path: Path) -> None:
    (repository / "link").symlink_to("app.yaml")
    plain_git(repository, "add", "link")
    plain_git(repository, "commit", "-q", "-m", "a link")
    target = tmp_path / "out"
    target.mkdir()
    WorkTree(repository).export(target)
    assert sorted(path.name for path in target.iterdir()) == ["app.yaml", "run.sh"]


def test_a_clone_is_made_and_brought_up_to_date(repository: Path, tmp_path: Path) -> None:
    directory = tmp_path / "clone"
    first = clone(str(repository), directory)
    (repository / "app.yaml").write_text("image: app:3\n")
    plain_git(repository, "commit", "-q", "-am", "third")
    second = clone(str(repository), directory)
    assert first.base_sha != second.base_sha
    assert second.read("app.yaml") == b"image: app:3\n"
    assert not (directory / "app.yaml").exists()


def test_nothing_of_a_booby_trapped_clone_is_executed(repository: Path, tmp_path: Path) -> None:
    canary = tmp_path / "executed"
    trap = tmp_path / "trap.sh"
    trap.write_text(f'#!/bin/sh\necho "$0 $@" >> {canary}\ncat\nexit 0\n')
    trap.chmod(0o755)
    (repository / ".gitattributes").write_text("* filter=evil diff=evil\n*.yaml text=auto merge=evil\n")
    (repository / ".gitmodules").write_text(f'[submodule "m"]\n\tpath = m\n\turl = ext::{trap}\n')
    plain_git(repository, "add", ".")
    plain_git(repository, "commit", "-q", "-m", "attributes")
    for name in ("core.fsmonitor", "core.pager", "core.editor", "core.sshCommand", "core.askPass", "core.gitProxy",
                 "filter.evil.clean", "filter.evil.smudge", "filter.evil.process", "diff.evil.textconv",
                 "diff.evil.command", "diff.external", "gpg.program", "credential.helper", "alias.log", "alias.ls-tree",
                 "pager.log", "remote.origin.uploadpack", "core.alternateRefsCommand", "uploadpack.packObjectsHook",
                 "sequence.editor", "merge.evil.driver"):  # fmt: skip
        plain_git(repository, "config", name, str(trap))
    plain_git(repository, "config", "log.showSignature", "true")
    plain_git(repository, "config", "remote.origin.url", f"ext::{trap}")
    plain_git(repository, "config", "remote.origin.promisor", "true")
    plain_git(repository, "config", "extensions.partialClone", "origin")
    hooks = repository / ".git" / "hooks"
    for name in (
        "post-checkout",
        "pre-commit",
        "reference-transaction",
        "post-index-change",
        "fsmonitor-watchman",
    ):
        (hooks / name).write_text(trap.read_text())
        (hooks / name).chmod(0o755)
    canary.unlink(missing_ok=True)

    tree = WorkTree(repository)
    assert tree.read("app.yaml")
    tree.read_many(tree.files())
    tree.history()
    tree.history("app.yaml")
    tree.search("image")
    (tmp_path / "exported").mkdir()
    tree.export(tmp_path / "exported")
    directory = tmp_path / "clone"
    clone(str(repository), directory)
    (directory / ".git" / "config").write_text((repository / ".git" / "config").read_text())
    (directory / ".git" / "hooks").mkdir(exist_ok=True)
    (directory / ".git" / "hooks" / "reference-transaction").write_text(trap.read_text())
    (directory / ".git" / "hooks" / "reference-transaction").chmod(0o755)
    clone(str(repository), directory)
    # A missing object is not fetched from the promisor.
    blob = plain_git(repository, "rev-parse", "HEAD:app.yaml")
    (repository / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    with pytest.raises(SelfhealError):
        WorkTree(repository).read("app.yaml")
    assert not canary.exists(), canary.read_text()


@pytest.mark.parametrize(
    "address", ["ext::sh -c true", "ssh://host/x", "git@host:x", "git://host/x", "-upload-pack=x", "fd::3"]
)
def test_transports_that_start_programs_are_refused(address: str, tmp_path: Path) -> None:
    with pytest.raises(Refused):
        clone(address, tmp_path / "clone")


def test_a_revision_that_looks_like_an_option_is_no_option(repository: Path, tmp_path: Path) -> None:
    out = tmp_path / "written"
    with pytest.raises(NotFound):
        WorkTree(repository, f"--output={out}")
    assert not out.exists()


def test_a_token_is_in_no_argument_and_in_no_file(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = "ghs_" + "t" * 36
    seen: list[tuple[list[str], dict[str, str]]] = []
    start = subprocess.Popen

    def spy(command: list[str], **options: object) -> object:
        seen.append((command, dict(options["env"])))  # type: ignore[call-overload]
        return start(command, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(git.subprocess, "Popen", spy)
    with pytest.raises((Outage, ConfigurationProblem)):
        clone("http://127.0.0.1:9/acme/shop.git", tmp_path / "clone", token=token)
    assert not any(token in part for command, _ in seen for part in command)
    carrying = [environment for _, environment in seen if "GIT_CONFIG_KEY_0" in environment]
    assert len(carrying) == 1
    assert carrying[0]["GIT_CONFIG_KEY_0"] == "http.http://127.0.0.1:9/.extraHeader"
    assert token not in "".join(str(value) for value in carrying[0].values())
    assert not any("GITHUB" in name or "SELFHEAL" in name for _, environment in seen for name in environment)
    for path in (tmp_path / "clone").rglob("*"):
        assert not path.is_file() or token.encode() not in path.read_bytes()


def test_an_endless_answer_and_an_endless_command_are_cut_off(repository: Path) -> None:
    with pytest.raises(Refused):
        git.run(repository, "cat-file", "blob", "HEAD:app.yaml", limit=5)
    with pytest.raises(Outage):
        git.run(repository, "hash-object", "--stdin", stdin=b"x" * 50_000_000, timeout=0.01)


def test_a_folder_that_is_no_repository_does_not_find_one_above(repository: Path) -> None:
    inner = repository / "inner"
    inner.mkdir()
    with pytest.raises(NotFound):
        WorkTree(inner)
