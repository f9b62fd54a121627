"""The one place that runs git, in a repository nobody vouches for.

A repository's own configuration, attributes and hooks can make git start programs: hooks, fsmonitor, filters,
textconv and external diffs, pagers, editors, ssh, credential helpers, signature checks, promisor remotes. So only
plumbing that reads objects is used (never checkout, add, status or a diff of the work tree, which run filters), what
can be switched off is switched off on the command line, which outranks the repository, and transports are closed
except in a fetch. The environment is made here; nothing of ours is inherited.
"""

from __future__ import annotations

import base64
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from selfheal.errors import ConfigurationProblem, CredentialProblem, Outage, Refused, SelfhealError
from selfheal.redaction import redactor

TIMEOUT = 60.0
#: Bytes one answer may have.
OUTPUT = 256_000_000
_SETTINGS = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.untrackedCache=false",
    "core.attributesFile=/dev/null",
    "core.excludesFile=/dev/null",
    "core.pager=cat",
    "core.editor=false",
    "core.sshCommand=false",
    "core.askPass=false",
    "core.gitProxy=false",
    "core.alternateRefsCommand=false",
    "core.protectHFS=true",
    "core.protectNTFS=true",
    "credential.helper=",
    "diff.external=",
    "gpg.program=false",
    "gpg.ssh.program=false",
    "gpg.x509.program=false",
    "log.showSignature=false",
    "merge.verifySignatures=false",
    "submodule.recurse=false",
    "fetch.recurseSubmodules=false",
    "fetch.writeCommitGraph=false",
    "transfer.fsckObjects=true",
    "gc.auto=0",
    "maintenance.auto=false",
    "protocol.ext.allow=never",
    "http.followRedirects=false",
    "http.lowSpeedLimit=1",
    "http.lowSpeedTime=60",
    "safe.directory=*",
)
_SHA = re.compile(r"^[0-9a-f]{40}(?:[0-9a-f]{24})?$")
_REFUSED_LOGIN = re.compile(
    r"Authentication failed|could not read Username|HTTP (?:401|403)|error: 40[13]|terminal prompts disabled",
    re.IGNORECASE,
)
_NO_SUCH = re.compile(
    r"not found|error: 404|does not exist|does not appear to be a git repository", re.IGNORECASE
)


def is_sha(text: str) -> bool:
    """Whether ``text`` is a full object name, and so cannot be taken for an option or another revision."""
    return bool(_SHA.match(text))


def run(
    directory: Path,
    *arguments: str,
    stdin: bytes = b"",
    timeout: float = TIMEOUT,
    limit: int = OUTPUT,
    remote: str = "",
    token: str = "",
) -> bytes:
    """The output of one git command in ``directory``.

    ``remote`` opens the transport of that address for this one command; ``token`` travels in its environment as a
    header that is sent to that host only. Raises Refused for too much output, Outage for a timeout or a network
    that fails, CredentialProblem, and SelfhealError for anything else git says.
    """
    program = shutil.which("git")
    if program is None:
        raise ConfigurationProblem("git is not installed.", hint="Install git, or add it to PATH.")
    command = [program, "--no-pager"]
    for setting in _SETTINGS:
        command += ["-c", setting]
    command += ["-C", str(directory), *arguments]
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as told:
        given.write(stdin)
        given.seek(0)
        process = subprocess.Popen(
            command,
            stdin=given,
            stdout=subprocess.PIPE,
            stderr=told,
            env=_environment(program, remote, token),
            start_new_session=True,
        )
        late = threading.Event()
        timer = threading.Timer(timeout, _stop, (process, late))
        timer.start()
        try:
            output = _read(process, limit)
        finally:
            timer.cancel()
            process.wait()
        told.seek(0)
        complaint = redactor().text(told.read(8000).decode("utf-8", "replace").strip())
    if late.is_set():
        raise Outage(f"git {arguments[0]} took longer than {timeout:g} s.", hint="It is tried again later.")
    if process.returncode != 0:
        raise _failure(arguments[0], complaint, remote)
    return output


def _read(process: subprocess.Popen[bytes], limit: int) -> bytes:
    stream: IO[bytes] | None = process.stdout
    assert stream is not None  # noqa: S101 - asked for above
    with stream:
        output = stream.read(limit + 1)
    if len(output) > limit:
        _kill(process)
        raise Refused(f"git answered more than {limit} bytes.", code="too-large")
    return output


def _stop(process: subprocess.Popen[bytes], late: threading.Event) -> None:
    late.set()
    _kill(process)


def _kill(process: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _environment(program: str, remote: str, token: str) -> dict[str, str]:
    path = os.pathsep.join(dict.fromkeys((str(Path(program).parent), "/usr/local/bin", "/usr/bin", "/bin")))
    environment = {
        "PATH": path,
        "HOME": "/nonexistent",
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_SYSTEM": os.devnull,
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "false",
        "SSH_ASKPASS": "false",
        "GIT_SSH_COMMAND": "false",
        "GIT_PAGER": "cat",
        "GIT_EDITOR": "false",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_LFS_SKIP_SMUDGE": "1",
        "GIT_LITERAL_PATHSPECS": "1",
        # An allow-list that names no transport closes all of them.
        "GIT_ALLOW_PROTOCOL": _scheme(remote) if remote else "none",
    }
    if token:
        parts = urlsplit(remote)
        coded = base64.b64encode(f"x-access-token:{token}".encode()).decode()
        environment |= {
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"http.{parts.scheme}://{parts.netloc}/.extraHeader",
            "GIT_CONFIG_VALUE_0": f"Authorization: Basic {coded}",
        }
    return environment


def _scheme(remote: str) -> str:
    """The one transport a fetch may use. Raises Refused for any that could start a program."""
    if remote.startswith("/"):
        return "file"
    scheme = urlsplit(remote).scheme
    if scheme not in ("https", "http", "file"):
        raise Refused(
            f"Repositories are not fetched by {scheme or remote[:80]!r}.",
            hint="Use an https:// address.",
            code="transport-refused",
        )
    return scheme


def _failure(command: str, complaint: str, remote: str) -> SelfhealError:
    where = f" from {_plain(remote)}" if remote else ""
    last = complaint.splitlines()[-1][:300] if complaint else "it gave no reason"
    if remote and _REFUSED_LOGIN.search(complaint):
        return CredentialProblem(
            f"git {command}{where} was refused: {last}",
            hint="Check that GITHUB_TOKEN is valid and may read the contents of the repository.",
        )
    if remote and _NO_SUCH.search(complaint):
        return ConfigurationProblem(
            f"git {command}{where} failed: {last}",
            hint="Check the repository's name, the branch, and that the token may see them.",
        )
    if remote:
        return Outage(f"git {command}{where} failed: {last}", hint="It is tried again later.")
    return SelfhealError(f"git {command} failed: {last}", hint="Check that the folder is a git repository.")


def _plain(remote: str) -> str:
    """An address without what may be a credential in it."""
    parts = urlsplit(remote)
    return f"{parts.scheme}://{parts.hostname}{parts.path}" if parts.hostname else remote
