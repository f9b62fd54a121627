"""The repository as an agent sees it: search, view, history; and edits, which are off unless code faults are allowed.

Edits live in memory until they become a change; nothing is written into the work tree.
"""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BaseModel, Field

from selfheal.errors import NotFound, Refused
from selfheal.redaction import redactor
from selfheal.redaction.redactor import OPENING
from selfheal.repository.paths import confined
from selfheal.tools.base import Arguments, StageTool, told
from selfheal.tools.context import StageContext

_LINES = 200
_FILE = 200_000


class SearchArguments(Arguments):
    text: str = Field(min_length=2, max_length=200)
    path: str = Field(default="", max_length=500, description="only below this folder")
    limit: int = Field(default=20, ge=1, le=50)


class RepoSearchTool(StageTool):
    """Lines that hold a text."""

    name: str = "repo_search"
    description: str = "Finds lines that hold a text in the repository, optionally below a folder."
    args_schema: type[BaseModel] = SearchArguments
    essential: ClassVar[bool] = False

    def work(self, text: str, path: str = "", limit: int = 20) -> dict[str, Any]:
        """Matches fenced as data."""
        found = self._context.tree().search(text, path=_folder(path), limit=limit)
        lines = [f"{match.path}:{match.line}: {match.text[:240]}" for match in found]
        return {"matches": told("\n".join(lines), 6_000), "count": len(found)}


class ViewArguments(Arguments):
    path: str = Field(max_length=1024)
    start: int = Field(default=1, ge=1)
    lines: int = Field(default=80, ge=1, le=_LINES)


class RepoViewTool(StageTool):
    """A part of a file."""

    name: str = "repo_view"
    description: str = "Shows lines of a file of the repository, with edits made so far."
    args_schema: type[BaseModel] = ViewArguments
    essential: ClassVar[bool] = False

    def work(self, path: str, start: int = 1, lines: int = 80) -> dict[str, Any]:
        """The lines without numbers, fenced as data, so that they can be quoted in an edit."""
        rows = _text(self._context, path).splitlines()
        shown = rows[start - 1 : start - 1 + lines]
        return {"path": path, "total_lines": len(rows), "start": start, "text": told("\n".join(shown), 8_000)}


class HistoryArguments(Arguments):
    path: str = Field(default="", max_length=1024)
    limit: int = Field(default=10, ge=1, le=30)


class RepoHistoryTool(StageTool):
    """What changed lately."""

    name: str = "repo_history"
    description: str = (
        "Lists the newest commits, of one file or folder when path is given: what changed before it broke."
    )
    args_schema: type[BaseModel] = HistoryArguments
    essential: ClassVar[bool] = False

    def work(self, path: str = "", limit: int = 10) -> dict[str, Any]:
        """Commits fenced as data."""
        commits = self._context.tree().history(_folder(path), limit)
        lines = [
            f"{commit.sha[:12]} {commit.at:%Y-%m-%d %H:%M} {commit.author}: {commit.subject[:200]}"
            f" ({', '.join(commit.paths[:6])})"
            for commit in commits
        ]
        return {"commits": told("\n".join(lines), 6_000), "count": len(commits)}


class EditArguments(Arguments):
    path: str = Field(max_length=1024)
    old: str = Field(min_length=1, max_length=8_000, description="exact text, found once in the file")
    new: str = Field(max_length=8_000)


class RepoEditTool(StageTool):
    """Replaces one exact piece of text."""

    name: str = "repo_edit"
    description: str = (
        "Replaces a piece of text that occurs exactly once in a file. Off unless code changes are allowed."
    )
    args_schema: type[BaseModel] = EditArguments

    def work(self, path: str, old: str, new: str) -> dict[str, Any]:
        """Doing it twice changes nothing more: the text is replaced already."""
        context = self._context
        _writable(context)
        _clean(new)
        text = _text(context, path)
        _touchable(path, text)
        if text.count(old) != 1:
            if old not in text and new and new in text and confined(path) in context.edits:
                return {"path": path, "already": True}
            raise Refused(
                f"The text occurs {text.count(old)} times in {path}; it must occur exactly once.",
                hint="Quote more of the lines around it, exactly as repo_view shows them.",
                code="not-unique",
            )
        context.edits[confined(path)] = text.replace(old, new).encode("utf-8")
        return {"path": path, "already": False}


class CreateArguments(Arguments):
    path: str = Field(max_length=1024)
    text: str = Field(max_length=20_000)


class RepoCreateTool(StageTool):
    """A new file."""

    name: str = "repo_create"
    description: str = "Creates a file that does not exist yet. Off unless code changes are allowed."
    args_schema: type[BaseModel] = CreateArguments

    def work(self, path: str, text: str) -> dict[str, Any]:
        """Raises Refused when the file exists."""
        context = self._context
        _writable(context)
        _clean(text)
        if context.tree().read(confined(path)) is not None:
            raise Refused(f"{path} exists already.", hint="Change it with repo_edit.", code="exists")
        context.edits[confined(path)] = text.encode("utf-8")
        return {"path": path}


class ValidateArguments(Arguments):
    pass


class RepoValidateTool(StageTool):
    """What the policy would say of the change as it is now."""

    name: str = "repo_validate"
    description: str = "Judges the change as it is now: the suggested remedy, or the edited files. Answers each rule's verdict."
    args_schema: type[BaseModel] = ValidateArguments
    limit: ClassVar[float] = 300.0

    def work(self) -> dict[str, Any]:
        """Verdicts of the rules. The gate decides again by itself, later and elsewhere."""
        from selfheal.tools.change import judged

        verdicts = judged(self._context)
        return {
            "passed": all(verdict.passed for verdict in verdicts),
            "rules": [
                {"rule": verdict.rule, "passed": verdict.passed, "detail": verdict.detail[:300]}
                for verdict in verdicts
            ],
        }


def _folder(path: str) -> str:
    return confined(path) if path.strip("/") not in ("", ".") else ""


def _text(context: StageContext, path: str) -> str:
    """A file's text with the edits so far. Raises NotFound, and Refused for what is no text."""
    name = confined(path)
    data = context.edits.get(name)
    if data is None:
        data = context.tree().read(name)
    if data is None:
        raise NotFound(f"There is no file {path} in the repository.", hint="Find it with repo_search.")
    if len(data) > _FILE or b"\0" in data:
        raise Refused(
            f"{path} is no text file of at most {_FILE} bytes.", hint="Choose another file.", code="no-text"
        )
    return data.decode("utf-8", errors="replace")


def _writable(context: StageContext) -> None:
    if not context.settings.policy.code_changes:
        raise Refused(
            "Free edits of files are off: known faults are mended by remedy_suggest.",
            hint="Hand the incident to a person, or let somebody set policy.code_changes.",
            code="edits-off",
        )


def _touchable(path: str, text: str) -> None:
    """What a program makes, or nobody can read, would be made anew or broken by an edit."""
    from selfheal.repair.edits.file import untouchable

    reason = untouchable(path, text)
    if reason:
        raise Refused(
            f"{reason}.", hint="Edit what it is made from, or leave it to a person.", code="untouchable"
        )


def _clean(text: str) -> None:
    """What looks like a credential is never written, and neither is what redaction put in its place."""
    if redactor().text(text) != text or OPENING in text:
        raise Refused(
            "The text holds something that looks like a credential.",
            hint="Refer to a Secret by name instead.",
            code="secret",
        )
