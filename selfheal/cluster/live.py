"""A live cluster, read only.

Lists are fetched in parallel as raw JSON (the typed client's deserialisation is the slow part), page by page.
Secrets are never asked for. What the account may not read is named in the snapshot's ``incomplete`` and stays
unknown.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote

import urllib3
from kubernetes.client.exceptions import ApiException

from selfheal.cluster.connection import connect
from selfheal.cluster.kinds import KINDS, Kind
from selfheal.cluster.snapshot import Object, Snapshot, metadata, ref_of
from selfheal.cluster.workloads import mapping, mappings, number, ready, statuses
from selfheal.errors import CredentialProblem, NotFound, Outage, SelfhealError

PAGE = 500
PARALLEL = 8
#: Times a list is begun anew when its continue token ran out.
RESTARTS = 2
#: Pods whose logs are read, lines and bytes of each log.
LOG_PODS = 60
LOG_LINES = 400
LOG_BYTES = 256 * 1024
#: Bytes of one answer, unpacked, and pages of one list: a server may answer without end.
MAX_ANSWER = 256 * 1024 * 1024
MAX_PAGES = 2_000
#: Kinds that controllers make and nobody edits: who wrote their fields is told by their owners, and there are many.
_MADE = frozenset(
    {"Pod", "ReplicaSet", "ControllerRevision", "EndpointSlice", "Event", "Node", "PersistentVolume"}
)
#: Bytes read at a time, and seconds that the whole of one answer may take; the time limit is for each read alone.
_PIECE = 1024 * 1024
SLOWEST = 120.0


class LiveCluster:
    """One cluster. ``kubeconfig`` is a path (or several, joined as in KUBECONFIG); "" means: from inside a
    pod.

    Every method raises CredentialProblem (401, 403, expired certificate), Outage (unreachable, 5xx, 429),
    ConfigurationProblem (no usable kubeconfig).
    """

    def __init__(self, kubeconfig: str = "", context: str = "", *, timeout: float = 20.0) -> None:
        self._timeout = timeout
        self._date: datetime | None = None
        self.name, self._api = connect(kubeconfig, context, parallel=PARALLEL)

    # Questions

    def server_version(self) -> str:
        """The version the API server reports, such as ``v1.36.0``."""
        return str(self._json("/version").get("gitVersion", ""))

    def can(self, verb: str, resource: str, namespace: str = "", group: str = "") -> bool:
        """Whether our account may do that (SelfSubjectAccessReview); ``namespace`` "" means everywhere."""
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {
                "resourceAttributes": {
                    "verb": verb,
                    "resource": resource,
                    "namespace": namespace,
                    "group": group,
                }
            },
        }
        answer = self._json(
            "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", method="POST", body=review
        )
        return mapping(answer.get("status")).get("allowed") is True

    def snapshot(
        self,
        namespaces: Sequence[str] | None = None,
        *,
        logs_for: Callable[[Object], bool] | None = None,
    ) -> Snapshot:
        """Everything the account may read, in some namespaces or in all.

        Logs, current and previous, are read of pods for which ``logs_for`` holds; by default of pods that
        look ill first and then of others, up to a bound.
        """
        self._date = None
        wanted = [kind for kind in KINDS if kind.live]
        jobs = [
            (kind, place)
            for kind in wanted
            for place in (namespaces if namespaces is not None and kind.namespaced else ("",))
        ]
        objects: list[Object] = []
        coverage: dict[str, set[str]] = {}
        incomplete: list[str] = []
        refused = 0
        with ThreadPoolExecutor(max_workers=PARALLEL) as pool:
            for (kind, place), answer in zip(jobs, pool.map(lambda job: self._try(*job), jobs), strict=True):
                if isinstance(answer, SelfhealError):
                    refused += isinstance(answer, CredentialProblem)
                    if not isinstance(answer, NotFound):
                        where = f" in {place}" if place else ""
                        incomplete.append(f"{kind.kind}{where}: {answer.message}")
                    continue
                coverage.setdefault(kind.kind, set()).add(place)
                objects += answer
            if refused == len(jobs):
                raise CredentialProblem(
                    f"The account of context {self.name!r} may read nothing.",
                    hint="Grant it get, list and watch on pods, events, workloads, services and config maps.",
                )
            logs = dict(pool.map(self._log, self._logs_wanted(objects, logs_for)))
        return Snapshot(
            objects,
            coverage={kind: None if "" in places else frozenset(places) for kind, places in coverage.items()},
            taken_at=self._date or datetime.now(UTC),
            cluster=self.name,
            incomplete=incomplete,
            logs=lambda namespace, pod, container, previous: logs.get((namespace, pod, container, previous)),
        )

    # Lists

    def _try(self, kind: Kind, namespace: str) -> list[Object] | SelfhealError:
        """The list, or why it cannot be had when that concerns this kind alone."""
        try:
            return self._list(kind, namespace)
        except NotFound as error:
            return error
        except CredentialProblem as error:
            if error.code == "forbidden":
                return error
            raise

    def _list(self, kind: Kind, namespace: str) -> list[Object]:
        for _attempt in range(RESTARTS + 1):
            items: list[Object] = []
            token = ""
            seen: set[str] = set()
            while True:
                query = [("limit", str(PAGE)), *([("continue", token)] if token else [])]
                try:
                    page = self._json(kind.path(namespace), query=query)
                except _ExpiredError:
                    break
                for item in mappings(page.get("items")):
                    # Items of a typed list name neither their kind nor their version.
                    item.setdefault("kind", kind.kind)
                    item.setdefault("apiVersion", kind.api)
                    if kind.kind in _MADE:
                        mapping(item.get("metadata")).pop("managedFields", None)
                    items.append(item)
                token = str(mapping(page.get("metadata")).get("continue") or "")
                if not token:
                    return items
                if token in seen or len(seen) >= MAX_PAGES:
                    raise Outage(
                        f"The list of {kind.resource} has no end.",
                        hint="Is the server of the kubeconfig really a Kubernetes API server?",
                    )
                seen.add(token)
        raise Outage(
            f"The list of {kind.resource} changed faster than it could be read.",
            hint="Try again in a minute.",
        )

    # Logs

    def _logs_wanted(
        self, objects: list[Object], chosen: Callable[[Object], bool] | None
    ) -> Iterator[tuple[str, str, str, bool]]:
        pods = sorted((obj for obj in objects if obj.get("kind") == "Pod"), key=lambda pod: str(ref_of(pod)))
        if chosen is not None:
            pods = [pod for pod in pods if chosen(pod)]
        pods.sort(key=lambda pod: not looks_ill(pod))
        for pod in pods[:LOG_PODS]:
            ref = ref_of(pod)
            for name, status in statuses(pod).items():
                if mapping(status.get("state")).get("waiting") is None or number(status.get("restartCount")):
                    yield ref.namespace, ref.name, name, False
                if number(status.get("restartCount")):
                    yield ref.namespace, ref.name, name, True

    def _log(self, key: tuple[str, str, str, bool]) -> tuple[tuple[str, str, str, bool], str | None]:
        namespace, pod, container, previous = key
        query = [
            ("container", container),
            ("tailLines", str(LOG_LINES)),
            ("limitBytes", str(LOG_BYTES)),
            ("previous", "true" if previous else "false"),
        ]
        path = f"/api/v1/namespaces/{quote(namespace, safe='')}/pods/{quote(pod, safe='')}/log"
        try:
            return key, self._raw(path, query=query, accept="*/*").decode("utf-8", errors="replace")
        except (NotFound, _NoLogError):
            return key, None
        except (CredentialProblem, Outage):
            # Logs help, but their absence is no reason to go without a diagnosis; it shows as "not read".
            return key, None

    # Requests

    def _json(
        self, path: str, *, method: str = "GET", query: Sequence[tuple[str, str]] = (), body: Any = None
    ) -> dict[str, Any]:
        raw = self._raw(path, method=method, query=query, body=body)
        try:
            document = json.loads(raw)
        except (ValueError, RecursionError) as error:
            raise Outage(
                f"The cluster {self.name} answered {path} with something that is not JSON.",
                hint="Is the server of the kubeconfig really a Kubernetes API server?",
            ) from error
        return mapping(document)

    def _raw(
        self,
        path: str,
        *,
        method: str = "GET",
        query: Sequence[tuple[str, str]] = (),
        body: Any = None,
        accept: str = "application/json",
        content: str = "application/json",
    ) -> bytes:
        try:
            response = self._api.call_api(
                path,
                method,
                query_params=list(query),
                # Long lists come compressed: a tenth of the bytes, over whatever lies between.
                header_params={"Accept": accept, "Accept-Encoding": "gzip", "Content-Type": content},
                body=body,
                auth_settings=["BearerToken"],
                _preload_content=False,
                _return_http_data_only=True,
                _request_timeout=(min(5.0, self._timeout), self._timeout),
            )
            self._note_date(response)
            return self._read(response, path)
        except ApiException as error:
            raise self._mapped(error, path) from error
        except urllib3.exceptions.HTTPError as error:
            raise self._unreachable(error) from error
        except OSError as error:
            raise self._unreachable(error) from error

    def _read(self, response: Any, path: str) -> bytes:
        """The whole answer. Raises Outage for one that is larger, or comes slower, than any that is honest."""
        parts: list[bytes] = []
        size, began = 0, time.monotonic()
        try:
            for part in response.stream(_PIECE, decode_content=True):
                parts.append(part)
                size += len(part)
                if size > MAX_ANSWER or time.monotonic() - began > SLOWEST:
                    raise Outage(
                        f"The cluster {self.name} answers {path} without an end ({size} bytes so far).",
                        hint="Look at what stands between here and the API server.",
                    )
        except BaseException:
            # What is left of it is never read.
            response.close()
            raise
        response.release_conn()
        return b"".join(parts)

    def _note_date(self, response: Any) -> None:
        """Server time is what the objects' times are measured with."""
        text = response.headers.get("Date")
        if self._date is None and text:
            try:
                self._date = parsedate_to_datetime(text).astimezone(UTC)
            except ValueError:
                self._date = datetime.now(UTC)

    def _mapped(self, error: ApiException, path: str) -> SelfhealError:
        status = error.status or 0
        if status == 410:
            return _ExpiredError(f"The list {path} has to be begun anew.")
        if status == 401:
            return CredentialProblem(
                f"The cluster {self.name} refuses our credentials (401).",
                hint="The token or certificate of the kubeconfig is wrong or has expired; make a new one.",
            )
        if status == 403:
            return CredentialProblem(
                f"the account may not read it ({_resource(path)}, 403)",
                hint="Grant it get, list and watch.",
                code="forbidden",
            )
        if status == 404:
            return NotFound(
                f"The cluster {self.name} does not serve {path}.", hint="Its version may be too old."
            )
        if status == 400 and path.endswith("/log"):
            return _NoLogError(f"{path} has no log.")
        if status == 429 or status >= 500:
            return Outage(
                f"The cluster {self.name} answers {status}.", hint="Try again later.", retry_after=30
            )
        return Outage(
            f"The cluster {self.name} answers {path} with {status}.", hint="Look at the API server's log."
        )

    def _unreachable(self, error: Exception) -> SelfhealError:
        text = str(error)
        if "certificate has expired" in text or "CERTIFICATE_EXPIRED" in text.upper():
            return CredentialProblem(
                f"A certificate of the cluster {self.name} has expired.",
                hint="Renew the client certificate of the kubeconfig, or the API server's certificate.",
            )
        if "CERTIFICATE_VERIFY_FAILED" in text or "SSLError" in text or "SSL:" in text:
            return CredentialProblem(
                f"The cluster {self.name} shows a certificate that is not trusted.",
                hint="Check certificate-authority-data and the server's name in the kubeconfig.",
            )
        return Outage(
            f"The cluster {self.name} cannot be reached at {self._api.configuration.host}.",
            hint="Check the address in the kubeconfig, the network, and whether the cluster runs.",
            retry_after=30,
        )


class _ExpiredError(SelfhealError):
    """A continue token that the server no longer knows."""


class _NoLogError(SelfhealError):
    """A container that has not started, or has no previous run."""


def looks_ill(pod: Object) -> bool:
    """Whether a pod's log may tell of trouble: it is not ready, or a container of it restarted."""
    finished = mapping(pod.get("status")).get("phase") == "Succeeded"
    restarted = any(number(status.get("restartCount")) for status in statuses(pod).values())
    return not metadata(pod).get("deletionTimestamp") and (restarted or not (finished or ready(pod)))


def _resource(path: str) -> str:
    return path.rstrip("/").rpartition("/")[2]
