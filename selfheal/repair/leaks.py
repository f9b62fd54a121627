"""Secrets in the lines that a change adds."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from selfheal.redaction import redactor
from selfheal.redaction.formats import FORMATS

#: Plugins of detect-secrets that recognise a format. Those that judge by entropy or by the name beside a value find
#: image digests and names of Secrets, which are no secrets.
_PLUGINS = (
    "ArtifactoryDetector", "AWSKeyDetector", "AzureStorageKeyDetector", "BasicAuthDetector", "CloudantDetector",
    "DiscordBotTokenDetector", "GitHubTokenDetector", "GitLabTokenDetector", "IbmCloudIamDetector",
    "IbmCosHmacDetector", "JwtTokenDetector", "MailchimpDetector", "NpmDetector", "OpenAIDetector",
    "PrivateKeyDetector", "PypiTokenDetector", "SendGridDetector", "SlackDetector", "SoftlayerDetector",
    "SquareOAuthDetector", "StripeDetector", "TelegramBotTokenDetector", "TwilioKeyDetector",
)  # fmt: skip
#: Keys that name a Secret or a switch, and hold no secret themselves.
_NAMES = re.compile(
    r"^\s*(?:-\s+)?[\"']?(?:secretName|secretRef|secretKeyRef|existingSecret\w*|imagePullSecrets?|pullSecrets?|name|key"
    r"|automountServiceAccountToken|serviceAccountToken|tokenExpirationSeconds|expirationSeconds|passwordKey"
    r"|secretKey|\w*SecretName|\w*SecretKey)[\"']?\s*:\s*[\"']?[A-Za-z0-9._-]{1,253}[\"']?\s*(?:#.*)?$"
)
#: The same within a line, as in ``secret: {secretName: api-signing}``.
_NAMED = re.compile(
    r"(?:\bsecret[\"']?\s*:\s*\{\s*)?\b(?:secretName|existingSecret\w*|\w*SecretName)[\"']?\s*:\s*[\"']?[A-Za-z0-9._-]{1,253}"
)


def leaks(added: Sequence[str], before: str) -> Iterator[str]:
    """What is wrong with each added line that looks like a secret. A value that stood there before is no new leak."""
    for line in (_NAMED.sub("", text) for text in added if not _NAMES.match(text)):
        found = next((secret for secret in _by_format(line) if secret not in before), "")
        if found or (
            not _known(line, before) and redactor().text(line) != line and not list(_by_format(line))
        ):
            yield "an added line looks like it holds a secret"
            return
    if _scanned([line for line in added if not _known(line, before)]):
        yield "an added line holds a secret of a known format"


def _by_format(line: str) -> Iterator[str]:
    for pattern in FORMATS:
        for match in pattern.finditer(line):
            yield next((text for text in match.groupdict().values() if text), "")


def _known(line: str, before: str) -> bool:
    return line.strip() in before


def _scanned(lines: Sequence[str]) -> bool:
    if not lines:
        return False
    from detect_secrets.core.scan import scan_line
    from detect_secrets.settings import transient_settings

    with transient_settings({"plugins_used": [{"name": name} for name in _PLUGINS]}):
        return any(True for line in lines for _ in scan_line(line))
