"""A site on which nothing is written: writes are kept in memory, described, and reads go through them.

The overlay is JSON: ``{KEY: {"properties", "labels", "status", "status_category", "assignee", "comments"}}``, so that a
dry run continues in another process.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from selfheal import progress
from selfheal.jsm.adf import Node, plain
from selfheal.jsm.keys import checked
from selfheal.jsm.site import COMMENT_NAME, RECORD, JiraSite
from selfheal.jsm.transport import Transport


class DryRunSite(JiraSite):
    """`JiraSite` with all writes kept in ``overlay``; ``would`` says in order what they would have been."""

    def __init__(
        self, transport: Transport, overlay: Mapping[str, Any] | None = None, configured: str = ""
    ) -> None:
        super().__init__(transport, configured)
        self.overlay: dict[str, Any] = copy.deepcopy(dict(overlay or {}))
        self.would: list[str] = []

    # -- reading through -----------------------------------------------------------------------------------

    def issue(self, key: str) -> dict[str, Any]:
        document = super().issue(key)
        kept = self.overlay.get(key)
        if not kept:
            return document
        fields = document["fields"]
        if RECORD in kept["properties"]:
            document["properties"] = {
                **(document.get("properties") or {}),
                RECORD: kept["properties"][RECORD],
            }
        for label, present in kept["labels"].items():
            others = [name for name in fields.get("labels") or () if name != label]
            fields["labels"] = [*others, label] if present else others
        if "status" in kept:
            fields["status"] = {"name": kept["status"], "statusCategory": {"key": kept["status_category"]}}
        if "assignee" in kept:
            account = kept["assignee"]
            fields["assignee"] = {"accountId": account, "displayName": account} if account else None
        return document

    def property(self, key: str, name: str) -> Any:
        kept = self.overlay.get(key, {}).get("properties", {})
        return copy.deepcopy(kept[name]) if name in kept else super().property(key, name)

    def comments(self, key: str) -> list[dict[str, Any]]:
        ours = [
            {"properties": [{"key": COMMENT_NAME, "value": {"name": name}}]}
            for name in self.overlay.get(key, {}).get("comments", ())
        ]
        return ours + super().comments(key)

    # -- writing in memory ---------------------------------------------------------------------------------

    def edit(
        self,
        key: str,
        *,
        fields: Mapping[str, Any] | None = None,
        labels: Mapping[str, Sequence[str]] | None = None,
        properties: Mapping[str, Any] | None = None,
        before_each: Callable[[], None] | None = None,
    ) -> None:
        if before_each is not None:
            before_each()
        kept = self._kept(key)
        for verb, names in (labels or {}).items():
            for name in names:
                kept["labels"][name] = verb == "add"
                self._say(key, f"{verb} the label {name}")
        if fields and "assignee" in fields:
            account = (fields["assignee"] or {}).get("accountId", "")
            kept["assignee"] = account
            self._say(key, f"assign it to {account or 'nobody'}")
        for name, value in (properties or {}).items():
            self.set_property(key, name, value)

    def set_property(
        self, key: str, name: str, value: Any, *, before_each: Callable[[], None] | None = None
    ) -> None:
        if before_each is not None:
            before_each()
        self._kept(key)["properties"][name] = copy.deepcopy(value)
        state = f" in state {value['state']}" if name == RECORD and isinstance(value, dict) else ""
        self._say(key, f"store {'the record' + state if name == RECORD else 'property ' + name}")

    def delete_property(self, key: str, name: str) -> None:
        self._kept(key)["properties"][name] = None
        self._say(key, f"remove property {name}")

    def set_if(self, key: str, issue_id: int, name: str, value: Any, *, expected: Any = None) -> str:
        self.set_property(key, name, value)
        return "dry-run"

    def task_finished(self, task: str) -> bool:
        return True

    def transition(self, key: str, transition_id: str, fields: Mapping[str, Any]) -> None:
        step = next((step for step in self.transitions(key) if str(step.get("id")) == transition_id), {})
        target = step.get("to") or {}
        kept = self._kept(key)
        kept["status"] = str(target.get("name") or "")
        kept["status_category"] = str((target.get("statusCategory") or {}).get("key") or "")
        self._say(key, f"move it to {kept['status']}")

    def link(self, key: str, other: str) -> None:
        self._say(key, f"link it with {other}")

    def comment(self, key: str, body: Node, name: str) -> None:
        self._kept(key).setdefault("comments", []).append(name)
        self._say(key, f"comment internally: {plain(body)}")

    def _kept(self, key: str) -> dict[str, Any]:
        kept: dict[str, Any] = self.overlay.setdefault(checked(key), {"properties": {}, "labels": {}})
        return kept

    def _say(self, key: str, text: str) -> None:
        self.would.append(f"{key}: {text}")
        progress.emit("would", key=key, text=text)
