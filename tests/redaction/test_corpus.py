"""Formats as they are found in the field, each as it stands in a text; and what looks like a secret and is none."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from selfheal.redaction import Redactor

A, N = "aBcDeFgHiJkLmNoPqRsTuVwXyZ", "0123456789"
MIX = (A + N) * 3
LOW = "hunter2-correct-horse"


def made(prefix: str, length: int = 36) -> str:
    """A token of that form; assembled here, so that no scanner takes this file for a leak."""
    return prefix + MIX[:length]


PEM = "-----BEGIN RSA " + "PRIVATE KEY-----\nMIIEowIBAAKCAQEA7\nq83Zxy==\n-----END RSA " + "PRIVATE KEY-----"
TOKENS = {
    "GitHub": [made(f"gh{kind}_") for kind in "pousr"] + [made("github_pat_", 60)],
    "GitLab": [made("glpat-", 20), made("glrt-", 20), made("gldt-", 20)],
    "Atlassian": [made("ATATT3xFf", 60) + "=1A2B3C4D", made("ATCTT3xFf", 60), made("ATBB", 30)],
    "AWS": ["AKIA" + "IOSFODNN7EXAMPLE", "ASIA" + "Y34FZKBOKMUTVV7A"],
    "GCP": [made("AIza", 35), made("ya29.", 60), made("GOCSPX-", 28), made("1//0", 60)],
    "Azure": ["abc8Q~" + MIX[:34]],
    "Slack": ["xoxb-" + "123456789012-1234567890123-" + MIX[:24], "xapp-" + "1-A111-222-abcdef0123"],
    "Stripe": [made("sk_live_", 24), made("rk_test_", 24), made("whsec_", 32)],
    "npm": [made("npm_")],
    "PyPI": [made("pypi-AgEIcHlwaS5vcmc", 60)],
    "JWT": ["eyJ" + "hbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl"],
    "models": [made("sk-proj-", 40), made("sk-ant-api03-", 40), made("hf_", 34)],
    "others": [
        made("dckr_pat_", 27), made("hvs.", 24), MIX[:14] + ".atlasv1." + MIX[:60], "dop_v1_" + "0a" * 32,
        made("glsa_", 32), "SG." + MIX[:22] + "." + MIX[:43], "AGE-SECRET-" + "KEY-1" + "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L",
    ],
}  # fmt: skip
#: A text, and what must not be read in it.
TEXTS: list[tuple[str, str]] = [
    (PEM, "q83Zxy"),
    (json.dumps({"private_key": PEM}), "q83Zxy"),
    ("key: " + base64.b64encode(PEM.encode()).decode(), base64.b64encode(PEM.encode()).decode()[40:60]),
    # addresses and connection strings
    (f"postgres://app:{LOW}@db:5432/shop", LOW),
    (f"postgresql+asyncpg://app:p@ss-{LOW}@db/shop?sslmode=require", LOW),
    (f"mysql://app:{LOW}@db:3306/shop", LOW),
    (f"mongodb+srv://app:{LOW}@c0.abc.example.net/?retryWrites=true", LOW),
    (f"redis://:{LOW}@cache:6379/0", LOW),
    (f"amqps://app:{LOW}@mq:5671/vhost", LOW),
    (f"app:{LOW}@tcp(db:3306)/shop?parseTime=true", LOW),
    (f"jdbc:oracle:thin:scott/{LOW}@db:1521/XE", LOW),
    (f"jdbc:postgresql://db/shop?user=app&password={LOW}&ssl=true", LOW),
    (f"jdbc:sqlserver://db;user=app;password={LOW};encrypt=true", LOW),
    (f"Server=db;Database=shop;User Id=app;Password={LOW};", LOW),
    (f"Server=db;Uid=app;Pwd={LOW};", LOW),
    (f"host=db user=app password={LOW} dbname=shop", LOW),
    (f"DefaultEndpointsProtocol=https;AccountName=x;AccountKey={MIX[:60]}==;", MIX[:60]),
    (f"Endpoint=sb://x/;SharedAccessKeyName=Root;SharedAccessKey={MIX[:40]}=", MIX[:40]),
    (f"https://x.blob.core.windows.net/c?sv=2022&sig={MIX[:40]}%3D", MIX[:40]),
    ("https://b.s3.amazonaws.com/k?X-Amz-Signature=" + "0a1b" * 16, "0a1b" * 16),
    (f"https://{MIX[:40]}@git.example.com/x.git", MIX[:40]),
    ("https://hooks.slack.com/services/T00000000/B00000000/" + MIX[:24], MIX[:24]),
    ("https://discord.com/api/webhooks/123456789/" + MIX[:60], MIX[:60]),
    # headers and cookies
    ("Authorization: Basic YXBwOmh1bnRlcjI=", "YXBwOmh1bnRlcjI"),
    ("authorization=bearer opaque0token0value", "opaque0token0value"),
    ('{"Authorization": ["Token opaque0token0value"]}', "opaque0token0value"),
    ("'authorization': 'ApiKey opaque0token0value'", "opaque0token0value"),
    ('> Proxy-Authorization: Digest username="app", response="0a1b2c3d4e5f"', "0a1b2c3d4e5f"),
    ("Authorization: AWS4-HMAC-SHA256 Credential=A/20260101, Signature=0a1b2c3d4e5f", "0a1b2c3d4e5f"),
    ("X-Api-Key: opaque-token-value", "opaque-token-value"),
    ("PRIVATE-TOKEN: opaque-token-value", "opaque-token-value"),
    ("sent Bearer 0paque.token_value-1", "0paque.token_value-1"),
    ("Cookie: theme=dark; JSESSIONID=0A1B2C3D4E", "0A1B2C3D4E"),
    ("Set-Cookie: sid=s%3Aabcdef; Path=/; HttpOnly", "s%3Aabcdef"),
    ('{"cookie":"sid=abcdefgh"}', "abcdefgh"),
    ("PHPSESSID=abcdefghijk", "abcdefghijk"),
    # by name: dotenv, properties, YAML, JSON, XML, code, commands
    (f"DB_PASSWORD={LOW}", LOW),
    ("export DB_PASSWORD='a b,c;d'", "b,c;d"),
    ("DB_PASSWORD=ab,cd&ef;gh", "cd&ef;gh"),
    ("MYSQL_ROOT_PASSWORD=root", "=root"),
    (f"spring.datasource.password={LOW}", LOW),
    (f"spring.datasource.hikari.password: {LOW}", LOW),
    (f"quarkus.oidc.credentials.secret={LOW}", LOW),
    (f"aws_secret_access_key = {MIX[:40]}", MIX[:40]),
    (f"database:\n  user: app\n  password: {LOW}\n", LOW),
    (f"password: |\n  {LOW}\n  second-line\nuser: app", "second-line"),
    (f"- name: DB_PASSWORD\n  value: {LOW}", LOW),
    (f'{{"name":"DB_PASSWORD","value":"{LOW}"}}', LOW),
    (f"{{'name': 'API_TOKEN', 'value': '{LOW}'}}", LOW),
    (f'<property name="connection.password" value="{LOW}"/>', LOW),
    (f"<db.password>{LOW}</db.password>", LOW),
    (f'{{"api_key": "{LOW}"}}', LOW),
    (json.dumps({"log": json.dumps({"clientSecret": LOW})}), LOW),
    (json.dumps(json.dumps({"a": json.dumps({"password": LOW})})), LOW),
    (f"config[\"secret_key\"] = '{LOW}'", LOW),
    (f"'password' => '{LOW}',", LOW),
    (f"{{user=app, password={LOW}, host=db}}", LOW),
    (f'"password": "{LOW} that was cut', LOW),
    (f"//registry.npmjs.org/:_authToken={LOW}", LOW),
    ('{"auths":{"ghcr.io":{"auth":"YXBwOmh1bnRlcjI="}}}', "YXBwOmh1bnRlcjI"),
    (f"users:\n- user:\n    client-key-data: {MIX[:60]}\n", MIX[:60]),
    (f"    token: {LOW}", LOW),
    (f"mysql -h db -uapp -p{LOW} shop", LOW),
    (f"redis-cli -h cache -a {LOW} ping", LOW),
    (f"curl -s -u app:{LOW} https://x", LOW),
    (f"login --password {LOW} --user app", LOW),
    (f"--db.password={LOW}", LOW),
    (f"PGPASSWORD={LOW} psql", LOW),
]
READABLE = [
    "quay.io/shop/cart@sha256:efe5b2882fc655b89caa7b849402db15d0fc572d175ac0a5591c03b4c3fe8729",
    "ghcr.io/acme/token-service:1.24.3",
    "ghcr.io/acme/auth-api:v2.0.1-alpine and acme/password-reset:latest",
    "http://token-service:8080/healthz",
    "thumbnailer-6f9fbcd54c-d7zc5 in media",
    "token-api-6f9fbcd54c-d7zc5 restarted",
    "commit 8399440f2a7c1e5d4b3a29180716f5e4d3c2b1a0",
    "uid e413eb39-cee0-4429-aa07-0b7cd0fd80e5",
    "couldn't find key API_TOKEN in Secret billing/billing-secrets",
    'secret "billing-tls" not found',
    'MountVolume.SetUp failed for volume "keys" : secret "signing-keys" not found',
    "secretName: billing-tls",
    'secretKeyRef: {name: billing-db, key: password}',
    "automountServiceAccountToken: false",
    "tokenExpirationSeconds: 3607",
    "DB_PASSWORD_FILE=/run/secrets/db",
    "TOKEN_URL=https://id.example.com/oauth",
    "password=${DB_PASSWORD}",
    "password: $(DB_PASSWORD)",
    "password: {{ .Values.db.password }}",
    'FATAL: password authentication failed for user "app"',
    "Access denied for user 'app'@'10.0.0.7' (using password: YES)",
    "token: expired",
    "Basic authentication is required",
    "PWD=/usr/src/app",
    "https://example.com/a@b/c and git@github.com:acme/shop.git",
    "http://db:5432/path and redis://cache:6379",
    "author: Jane, passed: 12, key: tls.crt, keys: 3",
    "authMode: oidc",
]  # fmt: skip


@pytest.mark.parametrize("token", [item for found in TOKENS.values() for item in found])
@pytest.mark.parametrize("text", ["{}", "log line with {} inside.", '{{"a": "{}"}}', "x={}&y=1", "({})"])
def test_a_token_is_known_by_its_shape(token: str, text: str) -> None:
    shown = Redactor().text(text.format(token))
    assert token not in shown
    assert token[12:30] not in shown


@pytest.mark.parametrize(("text", "secret"), TEXTS)
def test_a_secret_is_known_by_where_it_stands(text: str, secret: str) -> None:
    assert secret in text
    assert secret not in Redactor().text(text)


@pytest.mark.parametrize("text", [text for text, _secret in TEXTS])
def test_a_second_pass_changes_nothing(text: str) -> None:
    once = Redactor().text(text)
    assert Redactor().text(once) == once


@pytest.mark.parametrize("text", READABLE)
def test_what_is_no_secret_stays_readable(text: str) -> None:
    assert Redactor().text(text) == text


@pytest.mark.parametrize(
    ("data", "kept"),
    [
        ({"name": "DB_PASSWORD", "value": LOW}, False),
        ({"password": LOW}, False),
        ({"spec": [{"env": [{"name": "API_TOKEN", "value": LOW}]}]}, False),
        ({"secretName": LOW}, True),
        ({"secret": LOW}, True),
        ({"name": "DB_HOST", "value": LOW}, True),
        ({"name": "TOKEN_URL", "value": LOW}, True),
    ],
)
def test_a_fields_name_tells_of_its_value(data: Any, kept: bool) -> None:
    shown = Redactor().data(data)
    assert (LOW in json.dumps(shown)) is kept
    assert Redactor().data(shown) == shown


def test_a_variables_reference_is_no_secret() -> None:
    data = {"name": "DB_PASSWORD", "value": "$(OTHER)"}
    assert Redactor().data(data) == data
