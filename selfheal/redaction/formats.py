"""Formats of secrets. Each pattern's groups are what is replaced; the first that matched counts.

Shapes that are no secrets stay readable on purpose: image digests, commit hashes, UUIDs, pod and template names.

Texts come from anywhere and may be megabytes of one line, so no pattern may start at many places and scan far from each:
a run of characters is bounded, or begins where nothing of its kind stands before it. ``hints`` are what a text must hold,
one of them and in lower case, for the pattern to be tried at all.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass

from selfheal.redaction.names import BLOCK, ELEMENT, FLAG, LINE, NAMED, PAIR


@dataclass(frozen=True)
class Format:
    """One format. ``kind`` is what a placeholder says; "" where the name beside the value says it."""

    kind: str
    hints: tuple[str, ...]
    pattern: re.Pattern[str]


_TELLING = ("pass", "pwd", "secret", "token", "key", "credential", "auth", "sess", "connect.sid")
_HEADERS = (
    r"(?:(?:proxy-)?authorization|x-api-key|x-auth-token|x-vault-token|private-token|api-key|apikey|x-amz-security-token"
    r"|ocp-apim-subscription-key|x-functions-key|x-goog-api-key)"
)
#: Not what another pass left, a reference, or a word that stands there in place of a value.
_NONE = (
    r"(?!\[?redacted[:\]]|\$[({]|(?i:none|null|missing|invalid|required|expired|failed|denied|not|header)\b)"
)
_PEMS = ("", "RSA ", "EC ", "DSA ", "OPENSSH ", "ENCRYPTED ", "PGP ")


def _coded(label: str) -> str:
    """How base64 of a private key begins; its last character depends on what follows."""
    text = f"-----BEGIN {label}PRIVATE KEY"
    return base64.b64encode(text.encode()).decode().rstrip("=")[:-1]


def _shape(kind: str, hints: str, pattern: str) -> Format:
    return Format(kind, tuple(hints.split()), re.compile(pattern))


KNOWN: tuple[Format, ...] = (
    _shape("private-key", "-----begin",
           r"(?P<secret>-----BEGIN [A-Z ]{0,40}PRIVATE KEY(?: BLOCK)?-----[\s\S]*?(?:-----END [A-Z ]{0,40}PRIVATE KEY(?: BLOCK)?-----|\Z))"),
    _shape("private-key", "ls0tls1crud", f"(?P<secret>(?:{'|'.join(map(_coded, _PEMS))})[A-Za-z0-9+/_=\\-]{{16,}})"),
    _shape("private-key", "age-secret-key-", r"(?P<secret>\bAGE-SECRET-KEY-1[A-Z0-9]{20,})"),
    _shape("token", "github_pat_", r"(?P<secret>\bgithub_pat_[A-Za-z0-9_]{20,})"),
    _shape("token", "ghp_ gho_ ghu_ ghs_ ghr_",
           r"(?P<secret>\bgh[pousr]_[A-Za-z0-9](?:[A-Za-z0-9_\-]|\.(?=[A-Za-z0-9_\-])){19,})"),
    _shape("token", "gl", r"(?P<secret>\bgl(?:pat|dt|rt|cbt|ptt|ft|soat|imt|agent|oas|rtr)-[A-Za-z0-9_\-]{16,})"),
    _shape("token", "atatt atctt atbb atoa", r"(?P<secret>\bAT(?:ATT|CTT|BB|OA)[A-Za-z0-9_=\-]{16,})"),
    _shape("key", "akia asia", r"(?P<secret>\b(?:AKIA|ASIA)[A-Z0-9]{16}\b)"),
    _shape("token", "xox xapp-", r"(?P<secret>\b(?:xox[abeoprs]|xapp)-[A-Za-z0-9-]{10,})"),
    _shape("webhook", "hooks.slack.com", r"(?i:hooks\.slack\.com/(?:services|workflows|triggers)/)(?P<secret>[A-Za-z0-9/_\-]{16,})"),
    _shape("webhook", "/api/webhooks/", r"(?i:/api/webhooks/\d{1,24}/)(?P<secret>[A-Za-z0-9_\-]{16,})"),
    _shape("webhook", "webhook.office.com", r"(?i:webhook\.office\.com/webhookb2/)(?P<secret>[A-Za-z0-9/@_\-]{16,})"),
    _shape("key", "aiza", r"(?P<secret>\bAIza[A-Za-z0-9_\-]{30,})"),
    _shape("token", "ya29.", r"(?P<secret>\bya29\.[A-Za-z0-9_\-]{16,})"),
    _shape("secret", "gocspx-", r"(?P<secret>\bGOCSPX-[A-Za-z0-9_\-]{16,})"),
    _shape("token", "1//0", r"(?P<secret>(?<![\w/])1//0[A-Za-z0-9_\-]{30,})"),
    _shape("secret", "q~", r"(?P<secret>(?<![\w~.\-])[A-Za-z0-9_~.\-]{3}\dQ~[A-Za-z0-9_~.\-]{31,34}(?![\w~.\-]))"),
    _shape("signature", "sig=", r"(?i:(?<![a-z0-9])sig=)(?P<secret>[A-Za-z0-9%+/=_\-]{16,})"),
    _shape("signature", "signature=", r"(?i:x-(?:amz|goog)-signature=)(?P<secret>[A-Fa-f0-9]{16,})"),
    _shape("key", "sk- sk_ rk_", r"(?P<secret>\b(?:sk-[A-Za-z0-9_\-]{16,}|[sr]k_(?:live|test)_[A-Za-z0-9]{10,}))"),
    _shape("secret", "whsec_", r"(?P<secret>\bwhsec_[A-Za-z0-9+/=]{16,})"),
    _shape("token", "npm_", r"(?P<secret>\bnpm_[A-Za-z0-9]{30,})"),
    _shape("token", "pypi-ag", r"(?P<secret>\bpypi-Ag[A-Za-z0-9_\-]{16,})"),
    _shape("token", "hf_", r"(?P<secret>\bhf_[A-Za-z0-9]{30,})"),
    _shape("token", "dckr_", r"(?P<secret>\bdckr_(?:pat|oat)_[A-Za-z0-9_\-]{16,})"),
    _shape("token", "hvs. hvb. hvr.", r"(?P<secret>\bhv[sbr]\.[A-Za-z0-9_\-]{20,})"),
    _shape("token", ".atlasv1.", r"(?P<secret>(?<![A-Za-z0-9])[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=\-]{40,})"),
    _shape("token", "dop_v1_ doo_v1_ dor_v1_", r"(?P<secret>\bdo[por]_v1_[a-f0-9]{32,})"),
    _shape("token", "glsa_ glc_", r"(?P<secret>\b(?:glsa|glc)_[A-Za-z0-9_+/=]{16,})"),
    _shape("key", "sg.", r"(?P<secret>\bSG\.[A-Za-z0-9_\-]{16,32}\.[A-Za-z0-9_\-]{16,64})"),
    _shape("token", "nrak- pmak- lin_api_ shpat_ shpss_ rubygems_ dapi sq0",
           r"(?P<secret>\b(?:(?:NRAK|PMAK)-[A-Za-z0-9\-]{20,}|(?:lin_api|shpat|shpss|rubygems)_[A-Za-z0-9]{20,}"
           r"|dapi[a-f0-9]{32}|sq0(?:atp|csp)-[A-Za-z0-9_\-]{16,}))"),
    _shape("token", "eyj eyk", r"(?P<secret>(?<![A-Za-z0-9_\-])ey[JK][A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]*)"),
    # Schemes that carry several fields: all of them go.
    _shape("authorization", "authorization",
           r"(?>(?i:authorization\\{0,4}[\"']?\s{0,8}[:=]\s{0,8}\[?\\{0,4}[\"']?(?:digest|aws4-hmac-sha256|oauth|hawk|signature)[ \t]+))"
           rf"{_NONE}(?P<secret>[^\n]{{4,4096}})"),
    _shape("authorization", "authorization -key apikey -token",
           rf"(?>(?i:{_HEADERS}\\{{0,4}}[\"']?\s{{0,8}}[:=]\s{{0,8}}\[?\\{{0,4}}[\"']?(?:(?:bearer|basic|token|apikey|negotiate|key|splunk"
           rf"|sso-key|geniekey|bot|digest|aws4-hmac-sha256|oauth|hawk|signature)[ \t]+)?)){_NONE}(?P<secret>[^\s\"',\]\\]{{3,}})"),
    _shape("authorization", "bearer basic",
           r"(?i:\b(?:bearer|basic)[ \t]+)(?=[a-z+/_.~\-]*[A-Z0-9=])(?P<secret>[A-Za-z0-9+/_=.~\-]{8,})"),
    _shape("cookie", "cookie",
           rf"(?>(?i:\b(?:set-)?cookie2?\\{{0,4}}[\"']?\s{{0,8}}[:=]\s{{0,8}}\[?\\{{0,4}}[\"']?)){_NONE}(?P<secret>[^\s\"'\\\]][^\n\"'\\]{{2,4096}})"),
    # user:password@ in an address; the user's name stays readable. Up to the last @ before a slash.
    _shape("password", "://", r"(?<=://)[^\s:/@\"'<>]{0,256}:(?!\[redacted[^\]]{0,40}\]@|\$[({])(?P<secret>[^\s/\"'<>]{1,512})(?=@)"),
    _shape("token", "://", r"(?<=://)(?=[^\s@/]*\d)(?P<secret>[A-Za-z0-9_\-]{20,255})(?=@)"),
    _shape("password", "@tcp( @udp( @unix( @tcp6(",
           r"(?<![\w.\-\[])[\w.\-]{1,64}:(?!\[redacted)(?P<secret>[^\s/\"']{1,256})(?=@(?:tcp|udp|unix)6?\()"),
    _shape("password", "jdbc:oracle:", r"(?i:jdbc:oracle:[a-z0-9]{1,12}:)[\w$#.\-]{1,64}/(?!\[redacted)(?P<secret>[^\s@\"']{1,256})(?=@)"),
    _shape("password", "curl wget", r"(?i:\b(?:curl|wget)\b[^\n|]{0,300}?[ \t](?:-u|--user)[ \t=]{1,4})[\"']?[\w.@%+\-]{1,64}:(?!\[redacted)(?P<secret>[^\s\"']+)"),
    _shape("password", "mysql mariadb sshpass redis-cli",
           r"(?i:\b(?:mysql|mysqldump|mysqladmin|mariadb)\b[^\n|]{0,300}?[ \t]-p|\bsshpass[ \t]+-p[ \t]*|\bredis-cli\b[^\n|]{0,300}?[ \t]-a[ \t]+)"
           r"[\"']?(?!\[redacted|\$[({])(?P<secret>[^\s\"']{2,})"),
    Format("", _TELLING, BLOCK),
    Format("", _TELLING, LINE),
    Format("", _TELLING, PAIR),
    Format("", _TELLING, NAMED),
    Format("", _TELLING, ELEMENT),
    Format("", _TELLING, FLAG),
    _shape("key", "client- dockerconfigjson dockercfg",
           r"(?i:(?:client-key-data|client-certificate-data|\.dockerconfigjson|\.dockercfg)\\{0,4}[\"']?\s{0,8}:\s{0,8}\\{0,4}[\"']?)(?P<secret>[A-Za-z0-9+/=]{16,})"),
)  # fmt: skip
FORMATS: tuple[re.Pattern[str], ...] = tuple(item.pattern for item in KNOWN)
#: Addresses of people, replaced where the settings ask for it. ``git@`` is the account of a host.
EMAIL = Format(
    "email",
    ("@",),
    re.compile(
        r"(?<![\w.+%\-])(?!git@)(?P<secret>[\w.+%\-]{1,64}@[A-Za-z0-9\-]{1,63}(?:\.[A-Za-z0-9\-]{1,63}){1,8})(?![\w\-])"
    ),
)
