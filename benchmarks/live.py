"""A snapshot of a large live cluster: requests, bytes, seconds, memory. Aim: requests grow as the lists do, and no faster.

Run with ``python benchmarks/live.py [PODS ...]``. A server in a process of its own holds the lists of `diagnosis.py` and
answers as an API server does: pages of the size asked for, compressed for who takes it, a log for each container. The
client is the official one, in a process of its own. Each size is read at once and with 40 ms to an answer, as over the
Internet: pages of one list come one after the other, so the longest list says how long it takes then.
"""

from __future__ import annotations

import gzip
import json
import resource
import subprocess
import sys
import tempfile
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from diagnosis import build

#: Seconds that an answer takes over the Internet.
FAR = 0.04
#: An API server compresses answers from this size on, and quickly rather than well.
COMPRESSED, LEVEL = 128 * 1024, 1
LOG = "".join(
    f"2026-11-22T11:{line // 60:02d}:{line % 60:02d}.000Z INFO GET /items/{line} 200\n" for line in range(400)
).encode()


class Api(BaseHTTPRequestHandler):
    """Lists and logs. ``lists``: objects by resource; ``pages``: what was rendered and compressed before; ``sent``: bytes of each answer."""

    protocol_version = "HTTP/1.1"
    lists: ClassVar[dict[str, list[Any]]] = {}
    pages: ClassVar[dict[str, tuple[bytes, bytes]]] = {}
    sent: ClassVar[list[int]] = []
    delay = 0.0

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if url.path == "/count":
            self.answer(json.dumps([len(Api.sent), sum(Api.sent)]).encode(), "application/json")
            Api.sent = []
            Api.delay = float(parse_qs(url.query)["delay"][0])
            return
        time.sleep(Api.delay)
        if url.path.endswith("/log"):
            Api.sent.append(self.answer(LOG, "text/plain"))
            return
        if self.path not in Api.pages:
            body = self.page(url.path.rpartition("/")[2], parse_qs(url.query))
            Api.pages[self.path] = (body, gzip.compress(body, LEVEL))
        body, packed = Api.pages[self.path]
        if len(body) >= COMPRESSED and "gzip" in self.headers.get("Accept-Encoding", ""):
            Api.sent.append(self.answer(packed, "application/json", {"Content-Encoding": "gzip"}))
        else:
            Api.sent.append(self.answer(body, "application/json"))

    def page(self, name: str, query: dict[str, list[str]]) -> bytes:
        start, size = int(query.get("continue", ["0"])[0]), int(query["limit"][0])
        held = Api.lists.get(name, [])
        meta = {"resourceVersion": "1"} | (
            {"continue": str(start + size)} if start + size < len(held) else {}
        )
        return json.dumps({"kind": "List", "metadata": meta, "items": held[start : start + size]}).encode()

    def answer(self, body: bytes, kind: str, headers: dict[str, str] | None = None) -> int:
        self.send_response(200)
        for name, value in {
            "Content-Type": kind,
            "Content-Length": str(len(body)),
            **(headers or {}),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        return len(body)

    def log_message(self, *_arguments: Any) -> None:
        """Nothing."""


def serve(folder: Path) -> None:
    """Serves the dump in a folder; prints the address."""
    for path in folder.glob("*/*.json"):
        Api.lists[path.stem] = json.loads(path.read_text(encoding="utf-8"))["items"]
    server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
    server.daemon_threads = True
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()


def measure(url: str, folder: Path, delay: float) -> dict[str, Any]:
    """One snapshot in this process, and what the server sent for it."""
    from urllib.request import urlopen

    from selfheal.cluster.live import LiveCluster

    kubeconfig = folder / "kubeconfig"
    cluster = {"name": "c", "cluster": {"server": url}}
    context = {"name": "c", "context": {"cluster": "c", "user": "u"}}
    document = {
        "apiVersion": "v1", "kind": "Config", "current-context": "c", "clusters": [cluster], "contexts": [context],
        "users": [{"name": "u", "user": {"token": "none"}}],
    }  # fmt: skip
    kubeconfig.write_text(json.dumps(document), encoding="utf-8")
    live = LiveCluster(str(kubeconfig))
    with urlopen(f"{url}/count?delay={delay}", timeout=10) as answer:
        answer.read()
    began, cpu = time.monotonic(), time.process_time()
    snapshot = live.snapshot()
    seconds, used = time.monotonic() - began, time.process_time() - cpu
    with urlopen(f"{url}/count?delay=0", timeout=10) as answer:
        requests, size = json.loads(answer.read())
    return {
        "requests": requests,
        "mb": size / 1e6,
        "seconds": seconds,
        "cpu": used,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "pods": sum(1 for _ in snapshot.list("Pod")),
    }


def asked(url: str, folder: Path, delay: float) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, __file__, "--measure", url, str(folder), str(delay)],
        capture_output=True, text=True, check=True, cwd=Path(__file__).resolve().parent.parent,
    )  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def main() -> None:
    if "--serve" in sys.argv:
        serve(Path(sys.argv[-1]))
        return
    if "--measure" in sys.argv:
        url, folder, delay = sys.argv[-3:]
        print(json.dumps(measure(url, Path(folder), float(delay))))
        return
    for pods in [int(size) for size in sys.argv[1:]] or [1_000, 5_000]:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            build(folder / "dump", pods)
            server = subprocess.Popen(
                [sys.executable, __file__, "--serve", str(folder / "dump")], stdout=subprocess.PIPE, text=True
            )
            try:
                assert server.stdout is not None
                url = server.stdout.readline().strip()
                asked(url, folder, 0.0)  # Renders the pages.
                for delay in (0.0, FAR):
                    row = asked(url, folder, delay)
                    assert row["pods"] == pods
                    print(
                        f"{pods:>6} pods, {1000 * delay:>3.0f} ms to an answer: {row['requests']} requests, {row['mb']:.1f} MB, "
                        f"{row['seconds']:.2f} s, {row['cpu']:.2f} s CPU, {row['peak_mb']:.0f} MB memory",
                        flush=True,
                    )
            finally:
                server.terminate()
                server.wait()


if __name__ == "__main__":
    main()
