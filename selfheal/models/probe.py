"""Whether the configured model's provider answers, asked without CrewAI and without spending a token."""

from __future__ import annotations

import json
import urllib.error
import urllib.request

from selfheal.config import Settings
from selfheal.errors import CredentialProblem, NotFound, Outage

_OPENAI = "https://api.openai.com/v1"
_TIMEOUT = 10.0
_LARGEST = 4_000_000


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the key to another host."""

    def redirect_request(self, *_arguments: object) -> None:
        return None


def reachable(settings: Settings) -> str:
    """A word for people about the provider's list of models.

    Raises CredentialProblem for a refused key, NotFound when the model is not offered, Outage when nothing answers.
    Providers other than OpenAI-compatible ones are not asked.
    """
    name = settings.model_name
    provider, _, model = name.partition("/")
    endpoints = settings.endpoints
    if provider != "openai" and not endpoints.model_url:
        return "set; this provider cannot be asked beforehand"
    url = f"{(endpoints.model_url or _OPENAI).rstrip('/')}/models"
    headers = {"Authorization": f"Bearer {endpoints.model_key.get_secret_value()}"}
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - the setting is checked to be HTTPS or loopback
    try:
        with urllib.request.build_opener(_NoRedirect).open(request, timeout=_TIMEOUT) as response:
            document = json.loads(response.read(_LARGEST))
    except urllib.error.HTTPError as error:
        if error.code in (401, 403):
            raise CredentialProblem(
                f"The provider of {name} refuses the key ({error.code}).", hint="Check OPENAI_API_KEY."
            ) from error
        raise Outage(
            f"The provider of {name} answers {error.code}.", hint="Check OPENAI_BASE_URL, or try again later."
        ) from error
    except (OSError, ValueError) as error:
        raise Outage(
            f"The provider of {name} does not answer.", hint="Check OPENAI_BASE_URL and the network."
        ) from error
    offered = [str(item.get("id")) for item in document.get("data", ()) if isinstance(item, dict)]
    if offered and model not in offered:
        raise NotFound(
            f"The provider does not offer {model}.", hint=f"It offers: {', '.join(sorted(offered)[:10])}."
        )
    return "answers"
