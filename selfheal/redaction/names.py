"""Names that say that a secret stands beside them, and how a value follows its name: dotenv, properties, YAML, JSON, flags.

A name that only refers to a secret (``secretName``, ``tokenPath``, ``PASSWORD_FILE``) keeps its value readable, and so do
references (``${NAME}``), image tags, ports, and the few words that stand there when no value does.
"""

from __future__ import annotations

import re

_KEYS = (
    "api|access|account|private|signing|signature|encryption|master|storage|licen[cs]e|shared|hmac|jwt|ssh|deploy"
    "|webhook|subscription|client|host"
)
#: How a name ends that is one short word.
_END = r"\\{0,4}[\"']?[ \t]{0,40}\]?(?:[=:,>\n]|$)"
#: A word that tells, wherever it stands in a name. To be used where case does not matter.
TELLING = (
    rf"(?:pass(?:word|wd|phrase|code)|(?<![a-z])pwd(?![ \t]*=[ \t]*[/\\])|(?<![a-z])pass(?={_END})|secret|token"
    rf"|(?:{_KEYS})[_.\-]?key|credential|(?<![a-z])auth(?={_END})|sess(?:ion)?[_.\-]?id|connect\.sid)"
)
#: The rest of the name, which must not make a reference of it.
_REFERRING = (
    "name", "names", "ref", "refs", "path", "file", "dir", "url", "uri", "host", "port", "type", "kind", "mode", "class",
    "ttl", "seconds", "minutes", "hours", "days", "expiry", "expires", "expiration", "version", "enabled", "length",
    "provider", "policy", "store", "namespace", "audience", "issuer", "count", "lifetime", "mount",
)  # fmt: skip
REST = r"(?>[\w.\-]{0,64})" + "".join(f"(?<!{word})" for word in _REFERRING)
_NOTHING = (
    "true|false|null|none|nil|yes|no|undefined|empty|missing|invalid|expired|required|unset|unknown|denied|failed|error"
    "|not|is|was|must|cannot"
)
#: What stands there in place of a value: nothing, a reference to it, what another pass left.
_NO_VALUE = rf"(?!(?i:{_NOTHING})(?=[\s\"',;&)}}\]]|$)|\$[({{]|\{{\{{|<[a-z]|\*+(?=[\s\"',;&)}}\]]|$)|\[?redacted[:\]])"
#: A quoted text, a text in a quoted text, or a bare word.
VALUE = (
    rf"(?:\\{{1,4}}[\"']{_NO_VALUE}(?P<escaped>[^\"'\\\n]+)"
    rf"|\"{_NO_VALUE}(?P<quoted>(?:[^\"\\\n]|\\[^\n]?)+)"
    rf"|'{_NO_VALUE}(?P<single>[^'\n]+)"
    rf"|{_NO_VALUE}(?P<secret>[^\s\"',;&{{}}\[\]<>\\]{{4,}}))"
)
_QUOTE = r"\\{0,4}[\"']?"
#: Between name and value. A colon without a space may also part an image from its tag, a host from its port.
_BETWEEN = (
    _QUOTE
    + r"\]?(?:[ \t]{0,40}=>?[ \t]{0,40}|[ \t]{0,40}:[ \t]{1,40}"
    + r"|:(?!//|\d{1,5}(?![\w.\-])|v?\d+\.\d|latest\b|sha256:))"
)
NAMED = re.compile(f"(?i:{TELLING}{REST}{_BETWEEN}){VALUE}")
#: ``NAME=value`` that is a whole line: then all of it is the value, whatever stands in it.
LINE = re.compile(
    rf"(?im:^[ \t]*(?:export[ \t]+|-[ \t]+)?[\w.\-]{{0,64}}?{TELLING}{REST}[ \t]*[=:][ \t]*)"
    rf"{_NO_VALUE}(?P<secret>[^\s\"'\[{{|>][^\s]{{3,}})(?m:[ \t]*$)"
)
#: A YAML block under a telling name.
BLOCK = re.compile(
    rf"(?im:^[ \t]*(?:-[ \t]+)?[\"']?[\w.\-]{{0,64}}?{TELLING}{REST}[\"']?[ \t]*:[ \t]*[|>][-+\d]{{0,2}}[ \t]*\n)"
    r"(?P<secret>(?:[ \t]+[^\n]+\n?)+)"
)
#: A variable in a manifest, its value in the next field; a property in XML.
PAIR = re.compile(
    rf"(?i:\bname{_QUOTE}\s{{0,4}}[:=]\s{{0,4}}{_QUOTE}(?=[\w.\-]{{0,64}}?{TELLING}){REST}{_QUOTE}"
    rf"\s{{0,4}},?\s{{0,60}}{_QUOTE}value{_QUOTE}\s{{0,4}}[:=][ \t]{{0,4}}){VALUE}"
)
ELEMENT = re.compile(rf"(?i:<[\w:.\-]{{0,64}}?{TELLING}{REST}>){_NO_VALUE}(?P<secret>[^<\n]+)(?=<)")
#: ``--password value`` of a command.
FLAG = re.compile(
    rf"(?i:(?<![\w\-])--?[\w\-]{{0,40}}?{TELLING}{REST}[ \t]{{1,8}}){_NO_VALUE}(?P<secret>[^\s\-\"'=:][^\s\"']{{3,}})"
)
_NAME = re.compile(f"(?i:{TELLING}{REST}$)")


def telling(name: str) -> str:
    """What a name says that it holds: password, token, key, session or secret; "" when it tells of none.

    ``secret`` alone is the name of a reference as often as not, so it does not tell.
    """
    if not _NAME.search(name[:200]) or name.casefold() in ("secret", "secrets"):
        return ""
    return kind_of(name)


def kind_of(name: str) -> str:
    """The kind of secret that a telling name announces."""
    low = name.casefold()
    for word, kind in (
        ("pass", "password"),
        ("pwd", "password"),
        ("token", "token"),
        ("key", "key"),
        ("sess", "session"),
    ):
        if word in low:
            return kind
    return "secret"
