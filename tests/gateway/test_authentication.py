from __future__ import annotations

import pytest

from router.gateway.authentication import Keyring, Presented, SourceKeys, presented_keys
from router.gateway.refusal import Refused
from tests.gateway.harness import IDENTIFY, KEY, Harness, basic


@pytest.mark.parametrize(
    ("header", "keys"),
    [
        pytest.param(basic("k1:"), ["k1"], id="as SDKs send it"),
        pytest.param(basic("k1"), ["k1"], id="no colon"),
        pytest.param(basic("k1:secret"), ["k1"], id="a password"),
        pytest.param(basic("id:secret:"), ["id:secret", "id"], id="a key with a colon, then without"),
        pytest.param(basic("k1:", "bAsIc"), ["k1"], id="scheme in any case"),
        pytest.param(basic("k1:").replace(" ", "   "), ["k1"], id="blanks"),
        pytest.param(basic(":"), [], id="empty user name"),
        pytest.param("Basic", [], id="no credentials"),
        pytest.param("Basic ä!", [], id="no base64"),
        pytest.param("Basic //79", [], id="no UTF-8"),
        pytest.param("Bearer k1", [], id="another scheme"),
        pytest.param("", [], id="empty header"),
    ],
)
def test_the_write_key_is_the_user_name_of_basic(header: str, keys: list[str]) -> None:
    assert list(presented_keys(Presented({"Authorization": header}))) == keys


def test_any_key_of_a_source_finds_it() -> None:
    keyring = Keyring({"website": SourceKeys(["new", "old"]), "app": SourceKeys(["id:secret"])})

    assert [keyring.find([key]) for key in ("new", "old", "id:secret")] == ["website", "website", "app"]
    assert keyring.find(["unknown", "old"]) == "website"


@pytest.mark.parametrize("key", ["", "KEY", "ke", "key ", "kéy", "\ud800"])
def test_a_key_that_is_only_alike_finds_nothing(key: str) -> None:
    with pytest.raises(Refused) as caught:
        Keyring({"website": SourceKeys(["key"])}).find([key])

    assert (caught.value.status, caught.value.code) == (401, "unknown_write_key")


def test_promise_7_a_clash_of_keys_names_the_sources_and_not_the_key() -> None:
    with pytest.raises(ValueError, match="same write key") as caught:
        Keyring({"website": SourceKeys(["k-secret"]), "app": SourceKeys(["other", "k-secret"])})

    assert "website" in str(caught.value)
    assert "app" in str(caught.value)
    assert "k-secret" not in str(caught.value)


def test_promise_7_no_text_form_of_the_keys_shows_them() -> None:
    keys = SourceKeys(["k-secret"])

    assert "k-secret" not in repr(keys)
    assert "k-secret" not in repr(vars(Keyring({"website": keys})))
    assert "k-secret" not in repr(Presented({"Authorization": "k-secret"}))


@pytest.mark.parametrize(
    ("key", "code"),
    [
        pytest.param("", "missing_write_key", id="none"),
        pytest.param("unknown", "unknown_write_key", id="unknown"),
        pytest.param("key-of-old", "source_disabled", id="of a disabled source"),
        pytest.param(KEY.upper(), "unknown_write_key", id="another case"),
    ],
)
async def test_a_request_without_a_good_key_is_answered_401(harness: Harness, key: str, code: str) -> None:
    answer = await harness.post("/v1/identify", IDENTIFY, key=key)

    assert answer.status == 401
    assert answer.json["code"] == code
    assert isinstance(answer.json["message"], str)
    assert "WWW-Authenticate" not in answer.headers
    assert harness.log.appends == []
