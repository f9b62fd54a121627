"""The archive for the test job: the branch with the change applied, modes kept, nothing but regular files."""

from __future__ import annotations

import subprocess
import tarfile

import pytest

from selfheal.actions import patched
from selfheal.errors import Refused
from selfheal.repair.envelope import Envelope, patch_file


@pytest.fixture
def checkout(tmp_path):
    folder = tmp_path / "repository"
    folder.mkdir()
    (folder / "app.yaml").write_text("memory: 64Mi\n")
    (folder / "old.yaml").write_text("x: 1\n")
    (folder / "run.sh").write_text("#!/bin/sh\n")
    (folder / "run.sh").chmod(0o755)
    (folder / "link").symlink_to("/etc/passwd")
    who = ["-c", "user.name=a", "-c", "user.email=a@b.example"]
    for command in (["init", "-q", "-b", "main"], ["add", "-A"], [*who, "commit", "-qm", "first"]):
        subprocess.run(["git", "-C", str(folder), *command], check=True)
    (folder / "untracked").write_text("not part of it")
    return folder


def envelope(*files):
    return Envelope("acme/shop", "INC-1", 1, "0" * 40, tuple(files))


def test_the_change_is_in_it_and_the_rest_as_it_was(checkout, tmp_path):
    changed = patch_file("app.yaml", "100644", b"memory: 64Mi\n", b"memory: 128Mi\n")
    patched.write(envelope(changed), checkout, tmp_path / "out" / "patched.tar")
    with tarfile.open(tmp_path / "out" / "patched.tar") as tar:
        found = {entry.name: entry for entry in tar.getmembers()}
        assert set(found) == {"app.yaml", "old.yaml", "run.sh"}
        assert all(entry.isfile() for entry in found.values())
        assert tar.extractfile("app.yaml").read() == b"memory: 128Mi\n"
        assert found["run.sh"].mode == 0o755
        assert found["app.yaml"].mode == 0o644
    assert (checkout / "app.yaml").read_text() == "memory: 64Mi\n"


def test_a_change_that_does_not_fit_the_branch_is_refused(checkout, tmp_path):
    stale = patch_file("app.yaml", "100644", b"memory: 32Mi\n", b"memory: 128Mi\n")
    with pytest.raises(Refused):
        patched.write(envelope(stale), checkout, tmp_path / "patched.tar")
    assert not (tmp_path / "patched.tar").exists()
