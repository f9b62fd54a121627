"""Reads a kubeconfig and refuses what would run programs or send credentials in the clear."""

from __future__ import annotations

import base64
import copy
import os
from pathlib import Path
from typing import Any

from selfheal.config import is_loopback
from selfheal.errors import ConfigurationProblem, CredentialProblem

MAX_BYTES = 4 * 1024 * 1024


def read(paths: str) -> tuple[dict[str, Any], Path]:
    """The kubeconfig document (several files joined by the system's path separator are merged) and its
    folder.

    Raises ConfigurationProblem when a file is missing or is no kubeconfig.
    """
    merged: dict[str, Any] = {}
    folder: Path | None = None
    for part in [part for part in paths.split(os.pathsep) if part]:
        path = Path(part).expanduser()
        document = _load(path)
        folder = folder or path.parent
        for key, value in document.items():
            if isinstance(value, list):
                held = merged.setdefault(key, [])
                known = {item.get("name") for item in held if isinstance(item, dict)}
                held += [item for item in value if isinstance(item, dict) and item.get("name") not in known]
            elif key not in merged or not merged[key]:
                merged[key] = value
    if folder is None:
        raise ConfigurationProblem("No kubeconfig is given.", hint="Set KUBECONFIG to the path of one.")
    return merged, folder


def _load(path: Path) -> dict[str, Any]:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        if path.stat().st_size > MAX_BYTES:
            raise ConfigurationProblem(
                f"The kubeconfig {path} is too large.", hint="Set KUBECONFIG to a kubeconfig."
            )
        document = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationProblem(
            f"The kubeconfig {path} cannot be read: {error}.",
            hint="Set KUBECONFIG to the path of a kubeconfig.",
        ) from error
    except YAMLError as error:
        # The parser quotes the line it stumbles over, and that may hold a token.
        raise ConfigurationProblem(
            f"The kubeconfig {path} is not valid YAML.", hint="Set KUBECONFIG to the path of a kubeconfig."
        ) from error
    if not isinstance(document, dict) or not isinstance(document.get("clusters"), list):
        raise ConfigurationProblem(
            f"{path} is not a kubeconfig: it names no clusters.",
            hint="Set KUBECONFIG to the path of a kubeconfig.",
        )
    return document


def checked(document: dict[str, Any], context: str) -> str:
    """The name of the context to use, after refusing what is unsafe.

    Raises ConfigurationProblem for an unknown context or plain HTTP outside this machine, CredentialProblem
    for a user whose credentials come from a program.
    """
    name = context or str(document.get("current-context") or "")
    contexts = _named(document, "contexts", "context")
    if name not in contexts:
        known = ", ".join(sorted(contexts)) or "none"
        raise ConfigurationProblem(
            f"The kubeconfig has no context {name!r}.", hint=f"Name one of its contexts: {known}."
        )
    user = _named(document, "users", "user").get(str(contexts[name].get("user")), {})
    for word in ("exec", "auth-provider"):
        if user.get(word):
            raise CredentialProblem(
                f"The user {contexts[name].get('user')!r} of context {name!r} gets its credentials from a program "
                f"({word}), which selfheal does not run.",
                hint="Use a kubeconfig with a service account token or a client certificate.",
            )
    server = str(
        _named(document, "clusters", "cluster").get(str(contexts[name].get("cluster")), {}).get("server", "")
    )
    if not server:
        raise ConfigurationProblem(f"The context {name!r} names no server.", hint="Mend the kubeconfig.")
    if not server.startswith("https://") and not is_loopback(server):
        raise ConfigurationProblem(
            f"The server of context {name!r} is reached without TLS; a token would travel readable.",
            hint="Use an https:// address.",
        )
    return name


def with_files(document: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The kubeconfig with each certificate and key that it carries as base64 in a file of its own, below ``folder``.

    Raises ValueError for what is no base64.
    """
    found = copy.deepcopy(document)
    parts = [*_named(found, "clusters", "cluster").values(), *_named(found, "users", "user").values()]
    for number, part in enumerate(parts):
        for name in ("certificate-authority", "client-certificate", "client-key"):
            # As in kubectl, what stands in the document wins over a file that it names.
            data = part.pop(f"{name}-data", None)
            if data:
                path = folder / f"{number}-{name}"
                path.touch(mode=0o600)
                path.write_bytes(base64.standard_b64decode(str(data)))
                part[name] = str(path)
    return found


def _named(document: dict[str, Any], section: str, word: str) -> dict[str, dict[str, Any]]:
    items = document.get(section)
    return {
        str(item.get("name")): item[word]
        for item in (items if isinstance(items, list) else ())
        if isinstance(item, dict) and isinstance(item.get(word), dict)
    }
