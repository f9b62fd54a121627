"""The kubeconfig of a job: masked piece by piece, kept for this user alone, chosen by cluster."""

from __future__ import annotations

import base64
import json

import pytest

from selfheal.actions import kubeconfigs
from selfheal.actions.masking import pieces
from selfheal.errors import ConfigurationProblem

PEM = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0B\nsecondlineofthekey00000\n-----END PRIVATE KEY-----\n"
CODED = base64.b64encode(PEM.encode()).decode()


def kubeconfig(token="token-of-the-account"):
    return json.dumps(
        {
            "clusters": [
                {"name": "c", "cluster": {"server": "https://k", "certificate-authority-data": CODED}}
            ],
            "users": [
                {"name": "u", "user": {"token": token, "client-key-data": CODED, "password": "pass-word"}}
            ],
        }
    )


def test_every_secret_piece_is_found_as_written_and_decoded():
    found = pieces(json.loads(kubeconfig()))
    assert {
        "token-of-the-account",
        "pass-word",
        CODED,
        "MIIEvQIBADANBgkqhkiG9w0B",
        "secondlineofthekey00000",
    } <= set(found)
    assert not [piece for piece in found if piece.startswith("-----")]
    assert "https://k" not in found


def test_what_a_program_would_be_told_is_masked_before_it_is_refused():
    user = {"exec": {"command": "login", "env": [{"name": "LOGIN", "value": "secret-of-login"}, "x", {}]}}
    assert pieces({"users": [{"name": "u", "user": user}]}) == ["secret-of-login"]


def test_reading_masks_them(capsys):
    kubeconfigs.read(kubeconfig())
    assert "::add-mask::token-of-the-account" in capsys.readouterr().out


def test_one_kubeconfig_serves_every_cluster():
    found = kubeconfigs.read(kubeconfig())
    assert kubeconfigs.choose(found, "production") == kubeconfigs.choose(found, "") == kubeconfig()


def test_what_is_wrong_with_the_second_account_is_said_of_that_input():
    with pytest.raises(ConfigurationProblem, match="dry-run-kubeconfig") as caught:
        kubeconfigs.read("[]", "dry-run-kubeconfig")
    assert "DRY_RUN_KUBECONFIG" in caught.value.hint


@pytest.mark.parametrize("form", ["text", "nested"])
def test_of_several_the_incidents_cluster_decides(form):
    parts = {"east": kubeconfig("token-east"), "west": kubeconfig("token-west")}
    document = parts if form == "text" else {name: json.loads(text) for name, text in parts.items()}
    found = kubeconfigs.read(json.dumps(document))
    assert "token-west" in kubeconfigs.choose(found, "west")
    assert kubeconfigs.choose(found, "") == ""
    with pytest.raises(ConfigurationProblem, match="no kubeconfig for the cluster north"):
        kubeconfigs.choose(found, "north")


@pytest.mark.parametrize("text", ["a: [secret-value", "just-a-secret-word", "a: b", "clusters: secret-value"])
def test_what_is_no_kubeconfig_is_refused_without_being_quoted(text):
    with pytest.raises(ConfigurationProblem) as caught:
        kubeconfigs.read(text)
    assert "secret" not in caught.value.message
    assert caught.value.__cause__ is None


def test_it_is_kept_for_this_user_alone_and_replaces_what_was_there(tmp_path):
    (tmp_path / kubeconfigs.FOLDER).mkdir(mode=0o755)
    (tmp_path / kubeconfigs.FOLDER / "kubeconfig").symlink_to(tmp_path / "elsewhere")
    path = kubeconfigs.keep("text", tmp_path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert not path.is_symlink()
    assert not (tmp_path / "elsewhere").exists()


def test_a_folder_that_is_a_link_is_not_followed(tmp_path):
    """What lies behind a link would still be there when the link is removed."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / kubeconfigs.FOLDER).symlink_to(tmp_path / "elsewhere")
    kubeconfigs.keep("text", tmp_path)
    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert not (tmp_path / kubeconfigs.FOLDER).is_symlink()
