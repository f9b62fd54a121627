"""Log lines in which a program complains about a variable or a value, in the words of many languages.

A line only points at a variable or value; whether that is plausible is decided by comparing it with specs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

#: Lines of a log that are looked at, from its end, and characters of each.
LINES = 400
WIDTH = 2000

_QUOTE, _UNQUOTE = r"[\"'`$%{(\[<]*", r"[\"'`})\]>%]*"
_NAME = rf"{_QUOTE}(?P<name>[A-Za-z_][A-Za-z0-9_.\-]{{1,80}}){_UNQUOTE}"
#: Without a word such as "variable" beside it, only what is written like a variable's name counts as one.
_UPPER = rf"{_QUOTE}(?P<name>[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+|[A-Z]{{4,40}}){_UNQUOTE}"
_VARIABLE = (
    r"(?:env(?:ironment)?[ _-]?(?:var(?:iable)?s?)?|variable|setting|config(?:uration)?(?: key| value| option)?"
    r"|parameter|option)"
)
_ABSENT = (
    r"(?:missing|required|undefined|unset|not set|not defined|not found|not present|be set|empty|no value)"
)
_VERB = r"(?:is|was|has|must|not|cannot)\b.{0,20}?"
_MISSING = (
    re.compile(rf"KeyError: {_NAME}\s*$"),
    re.compile(rf"os\.environ\[{_NAME}\]"),
    re.compile(rf"key not found: {_NAME}"),  # Ruby's ENV.fetch
    re.compile(rf"required key {_NAME} missing value"),
    re.compile(rf"Could not resolve placeholder {_NAME}"),
    re.compile(
        rf"(?i:(?:missing|required|undefined|unset|empty|no)(?: required| mandatory)? {_VARIABLE})[:\s]+{_NAME}"
    ),
    re.compile(rf"(?i:{_VARIABLE})[:\s]+{_NAME}\s*(?i:{_VERB}{_ABSENT})"),
    re.compile(rf"{_UPPER}:?\s*(?i:(?:environment variable|env var|variable)?\s*{_VERB}(?:{_ABSENT}|set))"),
    re.compile(rf"(?i:missing|required|must set|please set|expected|undefined):?\s+{_UPPER}"),
    re.compile(rf"{_UPPER}[:=]?\s+(?i:missing|required|field required|undefined)\b"),
    re.compile(rf"{_UPPER}: (?i:parameter (?:null or )?not set|unbound variable)"),
    re.compile(rf"{_UPPER}: NotPresent"),
)
_CANNOT = (
    r"(?:invalid|illegal|bad|malformed|unparsable|unsupported|unknown|wrong|unexpected|unable to parse"
    r"|cannot parse|can't parse|could not parse|failed to parse|parsing|parse error (?:in|for)|convert(?:ing)?)"
)
_KIND_OF_VALUE = (
    r"(?:value|format|number|integer|port|url|uri|duration|boolean|setting|environment variable|env var|for|of"
    r"|in|the)"
)
_NOT_THAT = (
    r"(?:invalid|not a valid|not valid|be a|be an|be one of|be between|numeric|integer|number|malformed|url"
    r"|positive)"
)
_INVALID = (
    re.compile(rf"(?i:{_CANNOT})(?i:\s+{_KIND_OF_VALUE})*[:\s]+{_UPPER}"),
    re.compile(
        rf"{_UPPER}(?:\s*[:=]\s*\S{{0,80}})?[:,]?\s+"
        rf"(?i:(?:is|has|must|should|cannot|does not|expects?)\b.{{0,40}}?{_NOT_THAT})"
    ),
    re.compile(
        rf"{_UPPER}\b.{{0,60}}?(?i:invalid|not a (?:valid )?number|NaN\b|cannot be parsed|could not be parsed"
        r"|ParseIntError|ValueError|NumberFormatException|strconv\.)"
    ),
    re.compile(rf"(?i:error (?:decoding|reading|loading|assigning)|assigning) {_UPPER}"),
)
_VALUE = (
    re.compile(r"invalid literal for int\(\) with base \d+: ['\"](?P<value>[^'\"]{0,200})['\"]"),
    re.compile(r"could not convert string to float: ['\"](?P<value>[^'\"]{0,200})['\"]"),
    re.compile(r"For input string: \"(?P<value>[^\"]{0,200})\""),
    re.compile(r"strconv\.\w+: parsing \"(?P<value>[^\"]{0,200})\""),
    re.compile(
        r"(?i:(?:invalid|unknown|missing unit in|unknown unit.{0,20} in) (?:duration|port|url|uri|level|log level"
        r"|boolean|number|integer|value|address|timezone|time zone)):?\s+[\"'`](?P<value>[^\"'`]{0,200})[\"'`]"
    ),
    re.compile(r"parse \"(?P<value>[^\"]{1,200})\": (?:first path segment|invalid|missing protocol|net/url)"),
    re.compile(r"\(value [\"'](?P<value>[^\"']{0,200})[\"']\)"),
    re.compile(r"invalid value for \w+\(\): \"(?P<value>[^\"]{0,200})\""),
    re.compile(r"(?:Invalid URL|ERR_INVALID_URL).{0,40}?input: ['\"](?P<value>[^'\"]{0,200})['\"]"),
    re.compile(r"input string '(?P<value>[^']{0,200})' was not in a correct format", re.IGNORECASE),
)
_SEVERE = re.compile(
    r"error|fatal|panic|exception|critical|invalid|missing|required|must|not |unset|undefined|unbound|cannot"
    r"|could not|unable|failed|parse|parsing|convert|unknown|wrong|bad |illegal|malformed|expects|present"
    r"|placeholder",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Complaint:
    """One line. ``name`` of a variable or "", ``value`` quoted or None; ``missing``: the variable is said
    to be absent.
    """

    line: str
    name: str
    value: str | None
    missing: bool


def complaints(text: str) -> Iterator[Complaint]:
    """Complaints from the end of a log backwards."""
    for line in (full[:WIDTH] for full in reversed(text.splitlines()[-LINES:])):
        if not _SEVERE.search(line):
            continue
        for pattern in _MISSING:
            for match in pattern.finditer(line):
                yield Complaint(line, match["name"], None, True)
        value = next((hit["value"] for pattern in _VALUE if (hit := pattern.search(line))), None)
        for pattern in _INVALID:
            for match in pattern.finditer(line):
                yield Complaint(line, match["name"], value, False)
        if value is not None:
            yield Complaint(line, "", value, False)
