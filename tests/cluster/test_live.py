"""The live snapshot against a small API server on loopback: pages, refusals, outages, unsafe kubeconfigs."""

from __future__ import annotations

import gzip
import json
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from selfheal.cluster import kubeconfig, live
from selfheal.cluster.kinds import KINDS
from selfheal.cluster.live import LiveCluster, looks_ill
from selfheal.errors import ConfigurationProblem, CredentialProblem, Outage
from tests.support.cluster import Cluster, container, crashing


class Server:
    """Serves lists of objects, two items a page; ``answers`` overrides a path with a status or document."""

    def __init__(self) -> None:
        self.objects: list[dict[str, Any]] = []
        self.answers: dict[str, Any] = {}
        self.expire = 0
        self.requests: list[tuple[str, dict[str, str], str]] = []
        self._server = make_server("127.0.0.1", 0, Request.application(self._answer), threaded=True)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _answer(self, request: Request) -> Response:
        self.requests.append((request.path, request.args.to_dict(), request.headers.get("Authorization", "")))
        if request.path in self.answers or "*" in self.answers:
            answer = self.answers.get(request.path, self.answers.get("*"))
            if isinstance(answer, Response):
                return answer
            if isinstance(answer, int):
                return Response(json.dumps({"kind": "Status", "code": answer}), answer)
            return Response(answer if isinstance(answer, str) else json.dumps(answer))
        if request.path.endswith("/log"):
            run = "previous" if request.args["previous"] == "true" else "current"
            return Response(f"{run} {request.args['container']}\n")
        if request.path == "/version":
            return Response(json.dumps({"gitVersion": "v1.36.1"}))
        return self._list(request)

    def _list(self, request: Request) -> Response:
        kind = next((kind for kind in KINDS if request.path.endswith(f"/{kind.resource}")), None)
        if kind is None:
            return Response("{}", 404)
        namespace = (
            request.path.split("/namespaces/")[1].split("/")[0] if "/namespaces/" in request.path else ""
        )
        found = [
            {key: value for key, value in obj.items() if key != "kind"}
            for obj in self.objects
            if obj["kind"] == kind.kind and namespace in ("", obj["metadata"]["namespace"])
        ]
        start = int(request.args.get("continue") or 0)
        if start and self.expire:
            self.expire -= 1
            return Response("{}", 410)
        token = str(start + 2) if start + 2 < len(found) else ""
        document = {
            "kind": f"{kind.kind}List",
            "metadata": {"continue": token},
            "items": found[start : start + 2],
        }
        return Response(json.dumps(document))


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.stop()


def config(tmp_path: Path, server: str, user: dict[str, Any] | None = None) -> str:
    path = tmp_path / "kubeconfig"
    document = {
        "current-context": "here",
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": {"token": "opaque"} if user is None else user}],
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
    }
    path.write_text(json.dumps(document), encoding="utf-8")
    return str(path)


def shop() -> list[dict[str, Any]]:
    cluster = Cluster()
    cluster.deployment("web", {"containers": [container()]}, replicas=5)
    cluster.deployment("bad", {"containers": [container()]}, status=crashing("Error", 1))
    return cluster.objects


def test_pages_are_joined_and_items_get_their_kind(server: Server, tmp_path: Path) -> None:
    server.objects = shop()
    snapshot = LiveCluster(config(tmp_path, server.url)).snapshot()
    assert len(snapshot.list("Pod")) == 6
    assert snapshot.list("Pod")[0]["kind"] == "Pod"
    assert snapshot.known("ConfigMap", "shop") and not snapshot.incomplete
    assert snapshot.cluster == "here"
    assert all(header == "Bearer opaque" for _path, _query, header in server.requests)


def test_secrets_are_never_asked_for(server: Server, tmp_path: Path) -> None:
    snapshot = LiveCluster(config(tmp_path, server.url)).snapshot()
    assert not any("secrets" in path for path, _query, _header in server.requests)
    assert not snapshot.known("Secret", "shop")


def test_one_namespace(server: Server, tmp_path: Path) -> None:
    server.objects = shop()
    snapshot = LiveCluster(config(tmp_path, server.url)).snapshot(["shop"])
    assert snapshot.known("Pod", "shop") and not snapshot.known("Pod", "other")
    assert snapshot.known("Node")
    assert any(path == "/api/v1/namespaces/shop/pods" for path, _query, _header in server.requests)


def test_expired_continue_token_begins_anew(server: Server, tmp_path: Path) -> None:
    server.objects, server.expire = shop(), 1
    assert len(LiveCluster(config(tmp_path, server.url)).snapshot().list("Pod")) == 6


def test_logs_of_ill_pods_now_and_before(server: Server, tmp_path: Path) -> None:
    server.objects = shop()
    snapshot = LiveCluster(config(tmp_path, server.url)).snapshot(logs_for=looks_ill)
    assert snapshot.logs("shop", "bad-new-0", "app", previous=True) == "previous app\n"
    assert snapshot.logs("shop", "bad-new-0", "app") == "current app\n"
    assert snapshot.logs("shop", "web-new-0", "app") is None


def test_refused_kinds_are_unknown_and_named(server: Server, tmp_path: Path) -> None:
    server.answers["/api/v1/events"] = 403
    snapshot = LiveCluster(config(tmp_path, server.url)).snapshot()
    assert not snapshot.known("Event", "shop")
    assert any("Event" in line and "403" in line for line in snapshot.incomplete)


@pytest.mark.parametrize(
    ("status", "error", "says"),
    [
        (401, CredentialProblem, "401"),
        (403, CredentialProblem, "may read nothing"),
        (500, Outage, "500"),
        (429, Outage, "429"),
    ],
)
def test_answers_that_end_it(
    server: Server, tmp_path: Path, status: int, error: type[Exception], says: str
) -> None:
    server.answers["*"] = status
    with pytest.raises(error, match=says):
        LiveCluster(config(tmp_path, server.url)).snapshot()


def test_something_that_is_no_api_server(server: Server, tmp_path: Path) -> None:
    server.answers["*"] = "<html>hello</html>"
    with pytest.raises(Outage, match="not JSON"):
        LiveCluster(config(tmp_path, server.url)).server_version()


@pytest.mark.parametrize("moving", [False, True])
def test_a_list_without_an_end(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moving: bool
) -> None:
    monkeypatch.setattr(live, "MAX_PAGES", 5)
    numbers = iter(range(10_000))

    def page(_request: Request) -> Response:
        token = str(next(numbers)) if moving else "same"
        return Response(json.dumps({"metadata": {"continue": token}, "items": []}))

    server._list = page
    with pytest.raises(Outage, match="has no end"):
        LiveCluster(config(tmp_path, server.url)).snapshot()


def test_who_wrote_what_people_edit_is_kept(server: Server, tmp_path: Path) -> None:
    server.objects = shop()
    for obj in server.objects:
        obj["metadata"]["managedFields"] = [{"manager": "kubectl-edit"}]
    snapshot = LiveCluster(config(tmp_path, server.url)).snapshot()
    kept = {
        kind for kind in snapshot.kinds() for obj in snapshot.list(kind) if "managedFields" in obj["metadata"]
    }
    assert kept == {"Deployment"}


def test_lists_come_compressed_where_the_server_can(server: Server, tmp_path: Path) -> None:
    server.objects = shop()
    asked = []
    plain = server._list

    def packed(request: Request) -> Response:
        asked.append(request.headers.get("Accept-Encoding"))
        return Response(gzip.compress(plain(request).get_data()), headers={"Content-Encoding": "gzip"})

    server._list = packed
    snapshot = LiveCluster(config(tmp_path, server.url)).snapshot()
    assert set(asked) == {"gzip"}
    assert len(list(snapshot.list("Pod"))) == len([obj for obj in server.objects if obj["kind"] == "Pod"])


@pytest.mark.parametrize("answer", [b"y" * 3_000_000, zlib.compress(b"\0" * 30_000_000), b"[" * 100_000])
def test_answers_that_are_too_large_when_they_are_unpacked(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: bytes
) -> None:
    monkeypatch.setattr(live, "MAX_ANSWER", 2_000_000)
    packed = {"Content-Encoding": "deflate"} if answer.startswith(b"\x78") else {}
    server.answers["/version"] = Response(answer, headers=packed)
    with pytest.raises(Outage, match=r"without an end|not JSON"):
        LiveCluster(config(tmp_path, server.url)).server_version()


def test_a_refusal_without_an_end_is_not_read_to_its_end(server: Server, tmp_path: Path) -> None:
    sent = []

    def endless() -> Iterator[bytes]:
        while len(sent) < 10_000:
            sent.append(1)
            yield b"x" * 65_536

    server.answers["/version"] = Response(endless(), 500)
    with pytest.raises(Outage, match="answers 500"):
        LiveCluster(config(tmp_path, server.url)).server_version()
    assert len(sent) < 1_000


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_our_token_is_not_carried_elsewhere(server: Server, tmp_path: Path, status: int) -> None:
    elsewhere = Server()
    try:
        server.answers["*"] = Response("", status, headers={"Location": f"{elsewhere.url}/version"})
        with pytest.raises(Outage):
            LiveCluster(config(tmp_path, server.url)).server_version()
        assert not elsewhere.requests
    finally:
        elsewhere.stop()


def test_unreachable(server: Server, tmp_path: Path) -> None:
    url = server.url
    path = config(tmp_path, url.rpartition(":")[0] + ":1")
    with pytest.raises(Outage, match="cannot be reached") as caught:
        LiveCluster(path).server_version()
    assert caught.value.hint


def test_questions(server: Server, tmp_path: Path) -> None:
    cluster = LiveCluster(config(tmp_path, server.url))
    assert cluster.server_version() == "v1.36.1"
    review = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    server.answers[review] = {"status": {"allowed": True}}
    assert cluster.can("list", "pods")
    server.answers[review] = {"status": {"allowed": False}}
    assert not cluster.can("get", "secrets", "shop")


@pytest.mark.parametrize("user", [{"exec": {"command": "touch"}}, {"auth-provider": {"name": "gcp"}}])
def test_programs_in_a_kubeconfig_are_refused(tmp_path: Path, user: dict[str, Any]) -> None:
    with pytest.raises(CredentialProblem, match="does not run"):
        LiveCluster(config(tmp_path, "https://10.0.0.1", user))


def test_plain_http_elsewhere_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationProblem, match="without TLS"):
        LiveCluster(config(tmp_path, "http://10.0.0.1:8080"))


def test_unknown_context_names_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationProblem) as caught:
        LiveCluster(config(tmp_path, "https://10.0.0.1"), "gone")
    assert "here" in caught.value.hint


@pytest.mark.parametrize("text", ["", "[]", "a: [", "clusters: 1"])
def test_files_that_are_no_kubeconfig(tmp_path: Path, text: str) -> None:
    path = tmp_path / "kubeconfig"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationProblem):
        LiveCluster(str(path))
    with pytest.raises(ConfigurationProblem):
        LiveCluster(str(tmp_path / "gone"))


def test_nothing_set_outside_a_pod() -> None:
    with pytest.raises(ConfigurationProblem, match="No kubeconfig"):
        LiveCluster()


def test_several_files_are_merged(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    first.write_text(
        json.dumps({"clusters": [{"name": "c", "cluster": {"server": "https://x"}}]}), encoding="utf-8"
    )
    second.write_text(
        json.dumps({"clusters": [], "contexts": [{"name": "z", "context": {}}]}), encoding="utf-8"
    )
    document, folder = kubeconfig.read(f"{first}:{second}")
    assert folder == tmp_path
    assert [item["name"] for item in document["contexts"]] == ["z"]


def test_only_the_cluster_imports_the_client() -> None:
    import selfheal

    root = Path(selfheal.__file__).parent
    users = [path for path in root.rglob("*.py") if "import kubernetes\n" in path.read_text(encoding="utf-8")]
    assert sorted(path.name for path in users) == ["connection.py"]


def test_doctor_asks_for_what_a_snapshot_reads() -> None:
    from selfheal.doctor import CLUSTER_READS

    assert set(CLUSTER_READS) <= {(kind.resource, kind.group) for kind in KINDS if kind.live}
