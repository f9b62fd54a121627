"""A client of the API server, with keys in memory and bounded refusals; the only module that imports one."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import kubernetes
import urllib3
from kubernetes.client.exceptions import ApiException
from kubernetes.config.config_exception import ConfigException

from selfheal.cluster import kubeconfig as kubeconfigs
from selfheal.config import is_loopback
from selfheal.errors import ConfigurationProblem

#: Bytes that are read of a refusal.
REFUSAL = 64 * 1024


def connect(kubeconfig: str, context: str, *, parallel: int) -> tuple[str, Any]:
    """(name of the context, ``kubernetes.client.ApiClient``). ``parallel`` requests share its connections.

    Raises ConfigurationProblem where there is no usable kubeconfig.
    """
    configuration = kubernetes.client.Configuration()
    if not kubeconfig:
        try:
            kubernetes.config.load_incluster_config(configuration)
        except ConfigException as error:
            raise ConfigurationProblem(
                "No kubeconfig is set, and this is not a pod of a cluster.",
                hint="Set KUBECONFIG, or work on a dump with --snapshot.",
            ) from error
        return "in-cluster", _client(configuration, parallel)
    document, folder = kubeconfigs.read(kubeconfig)
    name = kubeconfigs.checked(document, context)
    # The client would decode keys into files of its own and leave them where its process is killed.
    with tempfile.TemporaryDirectory(prefix="selfheal-") as held:
        try:
            kubernetes.config.kube_config.KubeConfigLoader(
                kubeconfigs.with_files(document, Path(held)), active_context=name, config_base_path=str(folder),
            ).load_and_set(configuration)  # fmt: skip
            return name, _client(configuration, parallel)
        except (ConfigException, OSError, ValueError) as error:
            raise ConfigurationProblem(
                f"The context {name!r} of the kubeconfig cannot be used: {error}.",
                hint="Check that the files it names exist and that its certificates are complete.",
            ) from error


def _client(configuration: Any, parallel: int) -> Any:
    """The client, its certificates and keys in memory. Raises OSError where they do not load."""
    if is_loopback(str(configuration.host)):
        configuration.proxy = None
    configuration.retries = urllib3.Retry(total=0, redirect=0)
    configuration.connection_pool_maxsize = parallel
    client = kubernetes.client.ApiClient(configuration)
    pool = client.rest_client.pool_manager
    _load_certificates(pool.connection_pool_kw)
    pool.request = _refusing(pool.request)
    return client


def _load_certificates(options: dict[str, Any]) -> None:
    """Reads the files that a connection pool would read at its first request, so that they may go."""
    authority, certificate, key = (options.pop(name, None) for name in ("ca_certs", "cert_file", "key_file"))
    if not (authority or certificate):
        return
    context = urllib3.util.ssl_.create_urllib3_context(cert_reqs=options.get("cert_reqs"))
    if authority:
        context.load_verify_locations(authority)
    else:
        context.load_default_certs()
    if certificate:
        context.load_cert_chain(certificate, key)
    options["ssl_context"] = context


def _refusing(request: Callable[..., Any]) -> Callable[..., Any]:
    """The client reads all of an answer that refuses, however long it is; here only as much as anybody reads."""

    def bounded(*arguments: Any, **named: Any) -> Any:
        response = request(*arguments, **named)
        if 200 <= response.status <= 299:
            return response
        error = ApiException(status=response.status, reason=response.reason)
        try:
            # The client decodes it once more, and strictly.
            error.body = response.read(REFUSAL, decode_content=True).decode("utf-8", "replace").encode()
        finally:
            response.close()
        raise error

    return bounded
