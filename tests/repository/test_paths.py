"""Paths that could mean another file than they say are refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfheal.errors import NotFound, Refused
from selfheal.repository.foldertree import FolderTree, open_tree
from selfheal.repository.paths import below, confined, normalised


@pytest.mark.parametrize(
    "path",
    ["", "/etc/passwd", "../x", "a/../../x", "a/./b", "a//b", "a\\b", "C:/x", ".git/config", ".GIT/hooks/x", "a/.Git/x",
     "git~1/config", ".git. /x", ".git:x/y", "a\0b", "a\nb", "e\u0301", ".g\u200cit/config", "x" * 2000],
)  # fmt: skip
def test_a_path_that_leads_elsewhere_is_refused(path: str) -> None:
    with pytest.raises(Refused):
        confined(path)


@pytest.mark.parametrize(
    "path", ["a", "a/b.yaml", ".github/x", ".gitattributes", "é/ü", "a..b/c", "gitlab/x"]
)
def test_an_ordinary_path_is_itself(path: str) -> None:
    assert confined(path) == path


@given(st.text(max_size=30))
def test_what_is_confined_never_leaves(path: str) -> None:
    try:
        confined(path)
    except Refused:
        return
    assert Path("/root/repo", path).resolve().is_relative_to("/root/repo")


def test_parts_that_go_up_are_resolved_inside_only() -> None:
    assert normalised("a/../b/./c") == "b/c"
    with pytest.raises(Refused):
        normalised("a/../../b")


def test_below_compares_folders_not_letters() -> None:
    assert below("a/b", "a") and below("a", "a") and below("a", "")
    assert not below("ab", "a")


def test_a_folder_is_read_without_following_links(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s")
    root = tmp_path / "repo"
    (root / "a").mkdir(parents=True)
    (root / "a" / "x.yaml").write_text("x: 1\n")
    (root / "link.yaml").symlink_to(tmp_path / "secret")
    (root / "up").symlink_to(tmp_path)
    (root / ".git").mkdir()
    (root / ".git" / "config").write_text("")
    tree = FolderTree(root)
    assert tree.files() == ("a/x.yaml",)
    assert tree.read("link.yaml") is None and tree.read("up/secret") is None
    assert tree.base_sha == "" and tree.history() == () and tree.show("HEAD", "a/x.yaml") is None
    with pytest.raises(Refused):
        tree.read("../secret")
    with pytest.raises(NotFound):
        FolderTree(tmp_path / "nowhere")


def test_a_folder_without_git_opens_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("a: 1\n")
    assert open_tree(tmp_path).read("x.yaml") == b"a: 1\n"
