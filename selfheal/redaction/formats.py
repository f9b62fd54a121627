"""Formats of secrets that are recognised by their shape alone. Each pattern's group ``secret`` is what is replaced.

Shapes that are no secrets stay readable on purpose: image digests, commit hashes, UUIDs, pod and template names.

Texts come from anywhere and may be megabytes of one line, so no pattern may start at many places and scan far from each:
a run of characters is bounded, or begins where nothing of its kind stands before it.
"""

from __future__ import annotations

import re

_NAMES = (
    r"(?:pass(?:word|wd|phrase)?|pwd|secret|token|api[_-]?key|access[_-]?key|auth|credential|private[_-]?key)"
)

FORMATS: tuple[re.Pattern[str], ...] = tuple(
    re.compile(pattern)
    for pattern in (
        r"(?P<secret>-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z))",
        r"(?P<secret>\bgh[pousr]_[A-Za-z0-9]{20,})",
        r"(?P<secret>\bgithub_pat_[A-Za-z0-9_]{20,})",
        r"(?P<secret>\bATATT[A-Za-z0-9_=\-]{16,})",
        r"(?P<secret>\b(?:AKIA|ASIA)[A-Z0-9]{16}\b)",
        r"(?P<secret>\bxox[abeoprs]-[A-Za-z0-9-]{10,})",
        r"(?P<secret>\bAIza[A-Za-z0-9_\-]{30,})",
        r"(?P<secret>\bsk-[A-Za-z0-9_\-]{16,})",
        r"(?P<secret>\bglpat-[A-Za-z0-9_\-]{16,})",
        r"(?P<secret>(?<![A-Za-z0-9_\-])ey[JK][A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]*)",
        r"(?i:\b(?:bearer|basic)\s+)(?P<secret>[A-Za-z0-9+/_=.\-]{8,})",
        # user:password@ in an address; the user's name stays readable
        r"(?<=://)[^\s:/@]*:(?P<secret>[^\s/@]+)(?=@)",
        # name=value and "name": "value", for names that say what they hold
        r"(?i:" + _NAMES + r"[\w.\-]{0,64}[\"']?\s{0,40}[=:]\s*)(?:\"(?P<quoted>[^\"\n]{4,})\"|'(?P<single>[^'\n]{4,})'"
        r"|(?P<secret>[^\s\"',;&{}\[\]<>]{6,}))",
        r"(?i:\b(?:client-key-data|client-certificate-data|\.dockerconfigjson)[\"']?\s*:\s*[\"']?)(?P<secret>[A-Za-z0-9+/=]{16,})",
    )
)  # fmt: skip
