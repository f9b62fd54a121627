"""The sandbox's three-way merge against git's own, on random trees."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from selfheal.sandbox.github.merging import merge_commits
from selfheal.sandbox.github.repos import BareRepository, Signature

WHO = Signature("A", "a@example.invalid", datetime(2026, 1, 1, tzinfo=UTC))
PATHS = ("a.yaml", "b.yaml", "dir/c.yaml")
#: Ten lines that no two files share, so that git finds no renames (which the sandbox does not follow).
BASE = {path: "".join(f"{path} line {n}\n" for n in range(10)) for path in PATHS}
EDIT = st.one_of(
    st.just(None),  # the file goes
    st.tuples(st.integers(0, 9), st.sampled_from(["x", "y"])),  # one line becomes another
)
SIDE = st.dictionaries(st.sampled_from(PATHS), EDIT, max_size=3)


@pytest.fixture(scope="module")
def bare(tmp_path_factory) -> BareRepository:
    return BareRepository.create(Path(tmp_path_factory.mktemp("merging"), "x.git"), "main")


def side(bare: BareRepository, base: str, edits) -> str:
    files: dict[str, str | None] = {}
    for path, edit in edits.items():
        lines = BASE[path].splitlines(keepends=True)
        if edit is not None:
            lines[edit[0]] = f"{path} {edit[1]}\n"
        files[path] = None if edit is None else "".join(lines)
    return bare.commit_files(base, files, "Side", WHO)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ours=SIDE, theirs=SIDE)
def test_it_agrees_with_git(bare, ours, theirs):
    base = bare.commit_files("", BASE, "Base", WHO)
    one, other = side(bare, base, ours), side(bare, base, theirs)
    done = bare.attempt("merge-tree", "--write-tree", "--no-messages", one, other)
    if done.returncode > 1:
        pytest.skip("this git cannot merge trees by itself")
    merged = merge_commits(bare, one, other)
    assert bool(merged.conflicts) == (done.returncode == 1)
    if not merged.conflicts:
        assert merged.tree == done.stdout.decode().strip()


@given(
    message=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), min_size=1),
    name=st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=30),
)
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_commit_reads_back_as_written(bare, message, name):
    tree = bare.write_tree("", [])
    who = Signature(name, "a@example.invalid", WHO.when)
    sha = bare.write_commit(tree, [], message, who, WHO)
    found = bare.commit(sha)
    assert found.message == message.rstrip("\n")
    assert found.author.when == WHO.when
