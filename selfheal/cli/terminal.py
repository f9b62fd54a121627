"""What a person sees while incidents are healed: one line a transition, and the things worth looking at.

Everything printed passes redaction's terminal sink: colours are ours, control characters of others never arrive.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from selfheal.redaction import terminal

if TYPE_CHECKING:
    from rich.console import Console

_STATE_COLOURS = {
    "INCIDENT_RESOLVED": "bold green",
    "INCIDENT_REQUIRES_HUMAN": "bold yellow",
    "INCIDENT_RELEASED": "yellow",
    "INCIDENT_FAILED": "bold red",
}
_DIFF_COLOURS = (("+++", "dim"), ("---", "dim"), ("@@", "cyan"), ("+", "green"), ("-", "red"))
_DIFF_LINES = 40


class Presenter:
    """Prints events as they come, from several threads. ``detail`` adds findings, diffs and samples (the demo)."""

    def __init__(self, console: Console, *, detail: bool = False) -> None:
        self._console = console
        self._detail = detail
        self._lock = threading.Lock()
        #: By incident: what was last said to be waited for.
        self._waits: dict[str, str] = {}
        self._shown: dict[str, Callable[[str, dict[str, Any]], None]] = {
            "stage": self._stage,
            "transition": self._transition,
            "finding": self._finding,
            "diff": self._diff,
            "pull-request": self._pull_request,
            "approved": self._approved,
            "wait": self._wait,
            "sample": self._sample,
            "tool": self._tool,
            "note": self._note,
            "would": self._would,
            "error": self._error,
        }

    def event(self, key: str, kind: str, data: dict[str, Any]) -> None:
        """Shows one event. Unknown kinds are for the log, not for the terminal."""
        show = self._shown.get(kind)
        if show is not None:
            with self._lock:
                show(key, data)

    def line(self, key: str, text: str, style: str = "") -> None:
        """One line about an incident."""
        from rich.text import Text

        row = Text()
        row.append(f"{terminal(key):<9} ", style="bold cyan")
        row.append(terminal(text), style=style)
        self._console.print(row, soft_wrap=True)

    def _stage(self, key: str, data: dict[str, Any]) -> None:
        agent = data.get("agent") or _AGENTS.get(str(data["stage"]), "")
        if self._detail and agent:
            self.line(key, f"▸ {data['stage']}: {agent}", "bold")

    def _transition(self, key: str, data: dict[str, Any]) -> None:
        note = f"  {data['note']}" if data.get("note") else ""
        style = _STATE_COLOURS.get(str(data["to"]), "")
        self.line(key, f"{data['from']} → {data['to']}{note}", style)

    def _finding(self, key: str, data: dict[str, Any]) -> None:
        self.line(key, f"  cause: {data['fault']} on {data['object']} ({data['confidence']:.0%})", "magenta")
        if self._detail:
            self.line(key, f"  {data['summary']}")
            for item in data.get("evidence", [])[:4]:
                self.line(key, f"    · {item}", "dim")

    def _diff(self, key: str, data: dict[str, Any]) -> None:
        if not self._detail:
            return
        lines = str(data["diff"]).splitlines()
        for text in lines[:_DIFF_LINES]:
            colour = next((style for prefix, style in _DIFF_COLOURS if text.startswith(prefix)), "")
            self.line(key, f"    {text}", colour)
        if len(lines) > _DIFF_LINES:
            self.line(key, f"    … {len(lines) - _DIFF_LINES} more lines", "dim")

    def _pull_request(self, key: str, data: dict[str, Any]) -> None:
        # A dry run has none; what GitHub would get is said by itself.
        if data["number"]:
            self.line(key, f"  pull request #{data['number']}: {data['url']}", "blue")

    def _approved(self, key: str, data: dict[str, Any]) -> None:
        self.line(key, f"  {data['text']}", "green")

    def _wait(self, key: str, data: dict[str, Any]) -> None:
        reason = str(data["reason"])
        # A stage that gives up waiting says once more for what, with the pull request before it.
        said = self._waits.get(key)
        if said is None or not reason.endswith(said):
            self._waits[key] = reason
            self.line(key, f"  waiting: {reason}", "dim")

    def _sample(self, key: str, data: dict[str, Any]) -> None:
        if self._detail:
            why = f" ({data['reason']})" if data.get("reason") else ""
            self.line(key, f"  {data['phase']}: {data['text']}{why}", "dim")

    def _tool(self, key: str, data: dict[str, Any]) -> None:
        if self._detail:
            mark = "✓" if data["ok"] else "✗"
            self.line(key, f"    {mark} {data['name']}", "dim" if data["ok"] else "yellow")

    def _note(self, key: str, data: dict[str, Any]) -> None:
        self.line(key, f"  {data['text']}", "yellow")

    def _would(self, key: str, data: dict[str, Any]) -> None:
        self.line(key, f"  would: {data['text']}", "cyan")

    def _error(self, key: str, data: dict[str, Any]) -> None:
        self.line(key, f"  {data['stage']}: {data['message']}", "red")
        if data.get("hint"):
            self.line(key, f"    what to do: {data['hint']}", "yellow")


_AGENTS = {
    "coordinate": "Incident Coordinator",
    "analyze": "Root Cause Analyzer",
    "fix": "Code Fix Generator",
    "gate": "the gate (no model, no write access)",
    "pr": "PR Manager",
    "deploy": "Deployment Monitor",
}
