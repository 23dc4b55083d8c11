from __future__ import annotations

import pytest

from lrl_datasets.endpoints import is_loopback, without_credentials
from lrl_datasets.errors import LrlError


def test_loopback_is_what_the_host_resolves_to() -> None:
    assert (
        is_loopback("http://localhost:8000")
        and is_loopback("http://127.8.9.1")
        and is_loopback("http://[::1]:80")
    )
    assert not is_loopback("http://192.0.2.1:8000")
    assert not is_loopback("http://127.0.0.1@192.0.2.1")  # the host stands behind the @
    with pytest.raises(LrlError, match="is no endpoint"):
        is_loopback("127.0.0.1:8000")


def test_credentials_are_left_out_wherever_a_url_stands() -> None:
    assert without_credentials("https://me:secret@hub.example.org/a@b") == "https://hub.example.org/a@b"
    assert (
        without_credentials("for url 'http://t0ken@127.0.0.1:1/api': no")
        == "for url 'http://127.0.0.1:1/api': no"
    )
    assert without_credentials("https://hub.example.org/a, mail me@example.org") == (
        "https://hub.example.org/a, mail me@example.org"
    )
