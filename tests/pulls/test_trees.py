"""Tree hashes against git itself."""

from __future__ import annotations

import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from selfheal.errors import Outage, Refused
from selfheal.pulls.trees import Edit, Entry, TreeReader, blob_sha, tree_sha

_PART = st.text("ab-.0", min_size=1, max_size=3).filter(lambda name: name.strip(".") and name != ".git")
_PATH = st.lists(_PART, min_size=1, max_size=3).map("/".join)
_FILES = st.dictionaries(_PATH, st.binary(max_size=4), min_size=1, max_size=6)


def _git(folder: Path, *arguments: str, data: bytes = b"") -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, input=data, capture_output=True, check=True)
    return done.stdout.decode().strip()


def _consistent(files) -> bool:
    return not any(other.startswith(f"{path}/") for path in files for other in files)


def _write(folder: Path, files) -> str:
    _git(folder, "read-tree", "--empty")
    lines = "".join(
        f"100644 {_git(folder, 'hash-object', '-w', '--stdin', data=data)}\t{path}\n"
        for path, data in files.items()
    )
    _git(folder, "update-index", "--index-info", data=lines.encode())
    return _git(folder, "write-tree")


class _FromGit:
    """Answers what the API would, from a repository on disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def of_repository(self, path: str) -> str:
        return path

    def get(self, path: str):
        sha = path.rpartition("/")[2]
        rows = _git(self.folder, "ls-tree", sha).splitlines()
        tree = []
        for row in rows:
            about, _tab, name = row.partition("\t")
            mode, kind, found = about.split()
            tree.append({"path": name, "mode": mode, "type": kind, "sha": found})
        return {"sha": sha, "tree": tree, "truncated": False}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    made = tmp_path_factory.mktemp("git")
    _git(made, "init", "-q")
    return made


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_FILES, _FILES, st.data())
def test_a_derived_tree_is_the_one_git_makes(folder, before, changed, data):
    after = before | changed
    gone = data.draw(st.sets(st.sampled_from(sorted(before)), max_size=2)) - set(changed)
    for path in gone:
        del after[path]
    if not (_consistent(before) and _consistent(before | changed) and after):
        return
    root, wanted = _write(folder, before), _write(folder, after)
    edits = [Edit(path, Entry("100644", blob_sha(content))) for path, content in changed.items()]
    edits += [Edit(path, None) for path in gone]
    reader = TreeReader(_FromGit(folder))
    assert reader.derived(root, tuple(edits)) == wanted
    differing = reader.differing(root, wanted)
    assert set(differing) == {path for path in before | after if before.get(path) != after.get(path)}
    assert all(reader.entry(wanted, path) == now for path, (_was, now) in differing.items())


def _reader(answer) -> TreeReader:
    return TreeReader(SimpleNamespace(of_repository=lambda path: path, get=lambda _path: answer))


def test_an_answer_that_does_not_hash_is_refused():
    entry = {"path": "a", "mode": "100644", "sha": "1" * 40}
    with pytest.raises(Refused):
        _reader({"tree": [entry]}).directory("2" * 40)
    with pytest.raises(Outage):
        _reader({"tree": [entry], "truncated": True}).directory("2" * 40)


def test_links_and_submodules_are_not_read():
    for mode in ("120000", "160000"):
        root = tree_sha({"a": Entry(mode, "1" * 40)})
        reader = _reader({"tree": [{"path": "a", "mode": mode, "sha": "1" * 40}]})
        with pytest.raises(Refused, match="not a regular file"):
            reader.read(root, "a")


def test_a_blob_that_does_not_hash_is_refused():
    sha = blob_sha(b"good")
    root = tree_sha({"a": Entry("100644", sha)})
    answers = {root: {"tree": [{"path": "a", "mode": "100644", "sha": sha}]}, sha: {"content": "ZXZpbA=="}}
    client = SimpleNamespace(
        of_repository=lambda path: path, get=lambda path: answers[path.rpartition("/")[2]]
    )
    with pytest.raises(Outage, match="hash"):
        TreeReader(client).read(root, "a")
