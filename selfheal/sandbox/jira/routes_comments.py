"""Comments and their properties. What a comment says is a document; a plain string is refused."""

from __future__ import annotations

from werkzeug.wrappers import Response

from selfheal.sandbox.emulator import json_response
from selfheal.sandbox.jira.calls import READ, WRITE, Call, Route
from selfheal.sandbox.jira.edits import Wrong, comment_body, entity_properties
from selfheal.sandbox.jira.errors import refused
from selfheal.sandbox.jira.routes_properties import check_property, property_value
from selfheal.sandbox.jira.store import Comment, Issue, Store


class CommentRoutes:
    """Handlers on the store; the emulator's lock is held."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def table(self) -> list[Route]:
        comments = "/rest/api/3/issue/<key>/comment"
        properties = "/rest/api/3/comment/<comment_id>/properties"
        return [
            ("GET", comments, self.list_all, READ),
            ("POST", comments, self.add, WRITE),
            ("GET", f"{comments}/<comment_id>", self.read, READ),
            ("PUT", f"{comments}/<comment_id>", self.edit, WRITE),
            ("DELETE", f"{comments}/<comment_id>", self.delete, WRITE),
            ("GET", properties, self.property_keys, READ),
            ("GET", f"{properties}/<name>", self.read_property, READ),
            ("PUT", f"{properties}/<name>", self.set_property, WRITE),
            ("DELETE", f"{properties}/<name>", self.delete_property, WRITE),
        ]

    def _visible(self, call: Call, issue: Issue) -> list[Comment]:
        """Customers do not see internal comments."""
        return [one for one in issue.comments if call.account.kind != "customer" or not one.internal]

    def _find(self, call: Call, key: str, comment_id: str) -> tuple[Issue, Comment]:
        issue = self.store.find(key, call.account)
        found = next((one for one in self._visible(call, issue) if one.id == comment_id), None)
        if found is None:
            raise refused(404, f"Can not find a comment for the id: {comment_id}.")
        return issue, found

    def list_all(self, call: Call, key: str) -> Response:
        issue = self.store.find(key, call.account)
        comments = self._visible(call, issue)
        if call.text("orderBy").startswith("-"):
            comments = comments[::-1]
        start, size = call.number("startAt", 0, 10**9), call.number("maxResults", 100, 5000)
        properties = "properties" in call.names("expand")
        shown = [
            call.view.comment(issue, one, properties=properties) for one in comments[start : start + size]
        ]
        return json_response(
            {"startAt": start, "maxResults": size, "total": len(comments), "comments": shown}
        )

    def add(self, call: Call, key: str) -> Response:
        issue = self.store.find(key, call.account)
        if "ADD_COMMENTS" in call.account.lacks:
            raise refused(403, "You do not have permission to comment on this issue.")
        body = call.body()
        try:
            document = comment_body(body.get("body"))
            properties = entity_properties(body.get("properties"))
        except Wrong as wrong:
            raise refused(400, comment=str(wrong)) from None
        comment = self.store.comment(issue, call.account, document, properties)
        return json_response(
            call.view.comment(issue, comment, properties="properties" in call.names("expand")), 201
        )

    def read(self, call: Call, key: str, comment_id: str) -> Response:
        issue, comment = self._find(call, key, comment_id)
        return json_response(
            call.view.comment(issue, comment, properties="properties" in call.names("expand"))
        )

    def edit(self, call: Call, key: str, comment_id: str) -> Response:
        issue, comment = self._find(call, key, comment_id)
        self._own(call, comment, "edit")
        body = call.body()
        try:
            document = comment_body(body.get("body"))
            properties = entity_properties(body.get("properties"))
        except Wrong as wrong:
            raise refused(400, comment=str(wrong)) from None
        comment.body, comment.updated, comment.update_author = document, self.store.now(), call.account.id
        comment.properties |= properties
        self.store.touched(issue)
        return json_response(
            call.view.comment(issue, comment, properties="properties" in call.names("expand"))
        )

    def delete(self, call: Call, key: str, comment_id: str) -> Response:
        issue, comment = self._find(call, key, comment_id)
        self._own(call, comment, "delete")
        issue.comments.remove(comment)
        self.store.touched(issue)
        return json_response(None, 204)

    def _own(self, call: Call, comment: Comment, verb: str) -> None:
        if comment.author != call.account.id and "site-admins" not in call.account.groups:
            raise refused(400, f"You do not have the permission to {verb} this comment.")

    # -- properties ----------------------------------------------------------------------------------------

    def _comment(self, call: Call, comment_id: str) -> Comment:
        for issue in self.store.issues.values():
            for comment in self._visible(call, issue):
                if comment.id == comment_id:
                    return comment
        raise refused(404, f"Can not find a comment for the id: {comment_id}.")

    def property_keys(self, call: Call, comment_id: str) -> Response:
        comment = self._comment(call, comment_id)
        path = call.view.link(f"comment/{comment_id}/properties")
        return json_response(
            {"keys": [{"self": f"{path}/{name}", "key": name} for name in comment.properties]}
        )

    def read_property(self, call: Call, comment_id: str, name: str) -> Response:
        comment = self._comment(call, comment_id)
        if name not in comment.properties:
            raise refused(404, f"The property {name} does not exist.")
        return json_response({"key": name, "value": comment.properties[name]})

    def set_property(self, call: Call, comment_id: str, name: str) -> Response:
        comment = self._comment(call, comment_id)
        value = property_value(call)
        check_property(name, value)
        new = name not in comment.properties
        comment.properties[name] = value
        return json_response({}, 201 if new else 200)

    def delete_property(self, call: Call, comment_id: str, name: str) -> Response:
        comment = self._comment(call, comment_id)
        if comment.properties.pop(name, None) is None:
            raise refused(404, f"The property {name} does not exist.")
        return json_response(None, 204)
