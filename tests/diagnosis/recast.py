"""A recording under other names: every name of the application ciphered letter by letter, every port moved.

Letters change places within vowels and within consonants, so that names stay pronounceable, keep their lengths, and are
as like or unlike each other as before. Words that Kubernetes, programs or products give a meaning to stay.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_VOWELS, _CONSONANTS = "aeiou", "bcdfghjklmnpqrstvwxyz"
_CIPHER = str.maketrans(
    {word[i]: word[(i + 1) % len(word)] for word in (_VOWELS, _CONSONANTS) for i in range(len(word))}
)
#: Words with a meaning outside the application: of Kubernetes, protocols, files, products.
_MEANT = """
    default kube system root ca crt key tls http https tcp udp grpc web main data config configmap secret
    settings api app db database server service services svc cluster local node nodes pod pods job jobs ready
    health healthz live livez metrics admin readiness liveness actuator docker io ghcr com org net example
    registry internal latest alpine debian slim library postgres postgresql mysql mariadb mongo mongodb redis
    rabbitmq amqp kafka nginx clickhouse java node python go dotnet ruby bin sh bash opt usr etc var tmp srv
    run proc dev lib share log logs cache file files path port host user password token ingress controller
    standard fast ssd nvme disk pool zone migrate migration migrations migrator init wait for from image
    images ops webhook quota limits allow deny limit range all any no not the
"""
_KEPT = frozenset(_MEANT.split())
_NAMED = (
    "name", "namespace", "serviceAccountName", "serviceAccount", "secretName", "claimName", "serviceName", "generateName", "instance",
    "component", "app",
)  # fmt: skip
#: Ports by which clients know stores and brokers keep their numbers, as a program's own ports need not.
_KNOWN = frozenset({80, 443, 3306, 5432, 5672, 6379, 9000, 8123, 15672, 27017, 10250})
MOVED = 2107


class Cast:
    """The new names of one recording."""

    def __init__(self, case: Path) -> None:
        self._words: set[str] = set()
        self._ports: set[int] = set()
        for half in ("faulty", "healthy"):
            for file in (case / half).rglob("*.json"):
                self._collect(json.loads(file.read_bytes()))
        self._word = re.compile(rf"(?<![A-Za-z])(?:{'|'.join(sorted(self._words))})(?![A-Za-z])")
        self._port = re.compile(
            rf"(?<![\w.-])(?:{'|'.join(map(str, sorted(self._ports))) or 'none'})(?![\w.])"
        )

    def text(self, text: str) -> str:
        """A text in which every name and port is the new one."""
        text = self._word.sub(lambda match: match.group().translate(_CIPHER), text)
        return self._port.sub(lambda match: str(int(match.group()) + MOVED), text)

    def write(self, half: Path, folder: Path) -> Path:
        """A copy of one half of a recording under the new names."""
        for file in sorted(half.rglob("*")):
            if file.is_file():
                target = folder / self.text(str(file.relative_to(half).parent)) / file.name
                target.parent.mkdir(parents=True, exist_ok=True)
                if file.suffix == ".json":
                    target.write_text(
                        json.dumps(self._renamed(json.loads(file.read_bytes()))), encoding="utf-8"
                    )
                else:
                    target.write_text(self.text(file.read_text(encoding="utf-8")), encoding="utf-8")
        return folder

    def _collect(self, value: Any, named: str = "") -> None:
        if isinstance(value, dict):
            for key, item in value.items():
                self._collect(item, key.rpartition("/")[2])
        elif isinstance(value, list):
            for item in value:
                self._collect(item, named)
        elif isinstance(value, str) and named in _NAMED:
            self._words.update(_words(value))
        elif isinstance(value, str) and named == "image":
            self._words.update(_words(value.rpartition("@")[0].rpartition(":")[0] or value))
        elif isinstance(value, int) and named in ("containerPort", "port", "targetPort") and value > 1023:
            self._ports.update({value} - _KNOWN)

    def _renamed(self, value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            # Keys of a ConfigMap and labels are the application's own; those of objects are the API's.
            own = key in ("data", "labels", "matchLabels", "selector", "annotations", "nodeSelector")
            return {
                self.text(name) if own else name: self._renamed(item, name) for name, item in value.items()
            }
        if isinstance(value, list):
            return [self._renamed(item, key) for item in value]
        if isinstance(value, str):
            fixed = key in (
                "kind",
                "apiVersion",
                "reason",
                "type",
                "phase",
                "uid",
                "resourceVersion",
                "apiGroup",
                "operator",
                "effect",
            )
            return value if fixed else self.text(value)
        if (
            isinstance(value, int)
            and not isinstance(value, bool)
            and key in ("containerPort", "port", "targetPort", "number")
        ):
            return value + MOVED if value in self._ports else value
        return value


def _words(text: str) -> Iterator[str]:
    for word in re.findall(r"[a-z]{3,}", text):
        if word not in _KEPT:
            yield word


def without(half: Path, folder: Path, resource: str) -> Path:
    """A copy of a half that lacks one resource ("logs": every log)."""
    dropped = ("logs.txt", "logs.previous.txt") if resource == "logs" else (f"{resource}.json",)
    shutil.copytree(half, folder, ignore=lambda _place, names: [name for name in names if name in dropped])
    return folder
