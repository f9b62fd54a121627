"""One Settings: defaults < ``.selfheal.yml`` < environment < flags.

Endpoints and credentials come only from the environment: a repository's configuration file can never redirect a
token. Durations are seconds unless the name says otherwise. What a setting means for the work is the business of
whoever reads it.
"""

from selfheal.config.model import CONFIG_FILE, Mode, Service, Settings
from selfheal.config.sources import (
    ENDPOINT_VARIABLES,
    from_environment,
    is_loopback,
    load,
    merged,
    parse_file,
    read_file,
)

__all__ = [
    "CONFIG_FILE", "ENDPOINT_VARIABLES", "Mode", "Service", "Settings", "from_environment", "is_loopback", "load",
    "merged", "parse_file", "read_file",
]  # fmt: skip
