"""The cluster account's manifest against the calls that a live snapshot really makes."""

from __future__ import annotations

import re

from ruamel.yaml import YAML

from selfheal.cluster.live import LiveCluster
from selfheal.init import rbac
from selfheal.sandbox.world import World

#: What every authenticated account may do without a role: system:basic-user and system:public-info-viewer.
_EVERYBODY = {("create", "authorization.k8s.io", "selfsubjectaccessreviews"), ("get", "", "version")}
_CORE = re.compile(r"/api/v1(?:/namespaces/[^/]+)?/([a-z]+)(?:/[^/]+/(log))?")
_GROUP = re.compile(r"/apis/([^/]+)/[^/]+(?:/namespaces/[^/]+)?/([a-z]+)")


def granted():
    return {
        (verb, group, resource)
        for rule in rbac.rules()
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def access(request):
    """(verb, group, resource) of a request, as Kubernetes would ask its authorizer."""
    path, method = request["path"], request["method"]
    if path == "/version":
        return "get", "", "version"
    verb = {"GET": "list", "POST": "create", "DELETE": "delete", "PUT": "update", "PATCH": "patch"}[method]
    if found := _CORE.fullmatch(path):
        resource, log = found.groups()
        return ("get", "", f"{resource}/log") if log else (verb, "", resource)
    group, resource = _GROUP.fullmatch(path).groups()
    return verb, group, resource


def test_the_account_may_do_what_a_snapshot_does_and_nothing_more():
    with World(scenarios=("catalog-out-of-memory",), only=("kubernetes",)) as world:
        world.kubernetes.requests.clear()
        cluster = LiveCluster(world.environ()["SELFHEAL_KUBECONFIG"])
        cluster.server_version()
        cluster.can("list", "pods")
        cluster.snapshot(["shop"], logs_for=lambda _pod: True)
        cluster.snapshot()
        used = {access(request) for request in list(world.kubernetes.requests)}
    assert used - _EVERYBODY == granted()


def test_no_secrets_no_exec_no_proxy_no_writes():
    for verb, _group, resource in granted():
        assert verb in ("list", "get")
        assert resource != "secrets"
        assert resource.partition("/")[2] in ("", "log")


def test_the_manifest_is_yaml_and_binds_the_account_to_the_role():
    objects = list(YAML(typ="safe").load_all(rbac.manifest()))
    kinds = {item["kind"]: item for item in objects}
    assert list(kinds) == ["Namespace", "ServiceAccount", "ClusterRole", "ClusterRoleBinding"]
    assert kinds["ClusterRole"]["rules"] == rbac.rules()
    assert kinds["ClusterRoleBinding"]["roleRef"]["name"] == kinds["ClusterRole"]["metadata"]["name"]
    subject = kinds["ClusterRoleBinding"]["subjects"][0]
    account = kinds["ServiceAccount"]["metadata"]
    assert (subject["name"], subject["namespace"]) == (account["name"], account["namespace"])
