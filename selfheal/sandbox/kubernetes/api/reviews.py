"""Access reviews: what the caller, or a service account, may do."""

from __future__ import annotations

import json

from werkzeug.wrappers import Request

from selfheal.sandbox.kubernetes.accounts import Account
from selfheal.sandbox.kubernetes.cluster import Cluster
from selfheal.sandbox.kubernetes.errors import bad_request
from selfheal.sandbox.kubernetes.objects import Object, dig
from selfheal.sandbox.kubernetes.rbac import allowed

_ROOT = "/apis/authorization.k8s.io/v1/"


def review(cluster: Cluster, path: str, account: Account, request: Request) -> Object | None:
    """The review with its verdict; None when ``path`` is not that of a review."""
    kinds = {
        "selfsubjectaccessreviews": "SelfSubjectAccessReview",
        "subjectaccessreviews": "SubjectAccessReview",
    }
    kind = (
        kinds.get(path.removeprefix(_ROOT)) if path.startswith(_ROOT) and request.method == "POST" else None
    )
    if kind is None:
        return None
    try:
        body = json.loads(request.get_data())
    except ValueError as error:
        raise bad_request(f"error decoding the body: {error}") from error
    asked = dig(body, "spec", "resourceAttributes", default={})
    verb, group = str(asked.get("verb", "")), str(asked.get("group") or "")
    resource, namespace = str(asked.get("resource", "")), str(asked.get("namespace") or "")
    named = f"{resource}/{asked['subresource']}" if asked.get("subresource") else resource
    if kind == "SelfSubjectAccessReview":
        verdict = account.may(verb, group, named, namespace)
    else:
        verdict = allowed(
            cluster.store, str(dig(body, "spec", "user", default="")), verb, group, named, namespace
        )
    return {
        "kind": kind,
        "apiVersion": "authorization.k8s.io/v1",
        "metadata": {},
        "spec": body.get("spec") or {},
        "status": {"allowed": verdict},
    }
