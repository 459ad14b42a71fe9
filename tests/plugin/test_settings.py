"""Settings that all plugins share: where requests go, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, SecretStr, ValidationError, model_validator

from router.plugin import PluginSettings, build_url


class Acme(PluginSettings):
    token: SecretStr = Field(SecretStr(""), description="The token.")

    def vendor_url(self) -> str:
        return "https://api.acme.example.test"


class Strict(Acme):
    @model_validator(mode="after")
    def _refuse(self) -> Strict:
        raise ValueError("expected something else altogether")


def test_without_a_base_url_requests_go_to_the_vendor() -> None:
    assert Acme().api_url == "https://api.acme.example.test"


def test_settings_that_know_no_host_say_which_method_is_missing() -> None:
    """It is what an author reads in the dead letter of the first event."""

    class Homeless(PluginSettings):
        pass

    with pytest.raises(NotImplementedError, match=r"^Homeless has no vendor_url, which returns the vendor's address$"):
        _ = Homeless().api_url


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("http://127.0.0.1:9000", "http://127.0.0.1:9000"),
        ("https://proxy.example.test/acme/", "https://proxy.example.test/acme"),
        ("http://[::1]:80//", "http://[::1]:80"),
        ("http://host/a@b", "http://host/a@b"),
        ("HTTP://host", "HTTP://host"),
    ],
)
def test_base_url_stands_in_for_the_vendor(given: str, expected: str) -> None:
    assert Acme(base_url=given).api_url == expected


@pytest.mark.parametrize(
    "given",
    [
        "api.example.test",
        "//api.example.test",
        "ftp://api.example.test",
        "file:///etc/passwd",
        "http://",
        "http:///path",
        "http://ada:secret@api.example.test",
        "http://:secret@api.example.test",
        "http://@api.example.test",
        "http://api.example.test?a=b",
        "http://api.example.test?",
        "http://api.example.test/#a",
        "http://api.example.test/#",
        "http://api.example.test:0",
        "http://api.example.test:70000",
        "http://api.example.test:http",
        "http://api example.test",
        "http://api.example.test\r\n",
        "http://api.exämple.test",
        "http://[::1",
    ],
    ids=ascii,
)
def test_a_base_url_that_leads_nowhere_or_holds_a_secret_is_refused(given: str) -> None:
    with pytest.raises(ValidationError) as raised:
        Acme(base_url=given)
    assert "secret" not in str(raised.value)


@given(st.text() | st.from_regex(r"https?://[!-~]{1,20}", fullmatch=True))
def test_a_base_url_is_refused_or_paths_can_be_added_to_it(text: str) -> None:
    try:
        settings = Acme(base_url=text)
    except ValidationError:
        return

    assert build_url(settings.api_url, "users", "a/b").endswith("/users/a%2Fb")


def test_unknown_keys_are_refused() -> None:
    with pytest.raises(ValidationError):
        Acme.model_validate({"tokn": "t"})


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError):
        Acme().base_url = "http://elsewhere.example.test"  # type: ignore[misc]


@pytest.mark.parametrize(("model", "token"), [(Strict, "s3cret-t0ken"), (Acme, ["s3cret-t0ken"])])
def test_an_error_never_quotes_what_was_given(model: type[Acme], token: object) -> None:
    """Promise 7: neither a rule over the whole nor a value of the wrong kind."""
    with pytest.raises(ValidationError) as raised:
        model.model_validate({"token": token})
    assert "s3cret-t0ken" not in str(raised.value)
