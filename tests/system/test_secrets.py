"""Promise 7: secrets stay secret, whatever goes wrong and at the most talkative log level."""

from __future__ import annotations

import signal
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.system.checks import check_books
from tests.system.generator import make_event
from tests.system.harness import Command, Router, Stage, Vendor, call, until

CANARY = "canary"
"""Part of every secret of this test, and of nothing else."""
WRITE_KEY, APP_KEY = f"{CANARY}-write-key", f"{CANARY}-app-key"
TOKEN, ACCOUNT_SECRET = f"{CANARY}-project-token", f"{CANARY}-account-secret"
SITE, API_KEY = f"{CANARY}-site-id", f"{CANARY}-api-key"
SOURCES = {"website": {"write_key": WRITE_KEY}, "app": {"write_key": APP_KEY}}


def destinations_of(vendors: Mapping[str, Vendor], secret: Path) -> dict[str, Any]:
    """Secrets written out, from the environment and from a file."""
    account = {
        "project_token": TOKEN,
        "service_account_username": "robot",
        "service_account_secret": "${ACCOUNT_SECRET}",
        "project_id": "7",
    }
    delivery = {"timeout": "300ms"}
    return {
        "mixpanel": vendors["mixpanel"].destination(settings={"project_token": TOKEN}, delivery=delivery),
        "account": vendors["account"].destination(settings=account, delivery=delivery),
        "customerio": vendors["customerio"].destination(
            settings={"site_id": SITE, "api_key": f"${{file:{secret}}}"}, delivery=delivery
        ),
    }


def hurt(vendor: Vendor, *secrets: str, path: str = "") -> None:
    """All that makes a router talk, the vendor quoting the *secrets* it was sent with requests to *path*."""
    quoting = f"bad credentials: {' '.join(secrets)}"
    vendor.fail(path=path, status=400, body=quoting, contains="user001")
    vendor.fail(path=path, status=401, body=quoting, times=1)
    vendor.fail(path=path, status=500, body=quoting, times=1)
    vendor.fail(path=path, reset=True, times=1)
    vendor.fail(path=path, status=302, headers={"Location": f"http://127.0.0.1:9/{secrets[0]}"}, times=1)
    vendor.fail(path=path, hang_s=0.6, times=1)


def said(command: Command) -> str:
    return command.out + command.err


@pytest.mark.timeout(90)
def test_no_secret_shows_anywhere(stage: Stage, tmp_path: Path) -> None:
    """Faults of every kind at debug level, then everything that the router shows is searched.

    Row 47 of the battery in facts/reliability.md.
    """
    secret = tmp_path / "customerio.key"
    secret.write_text(API_KEY)
    vendors = {vendor.name: vendor for vendor in stage.vendors("mixpanel", "customerio", account="mixpanel")}
    vendors["mixpanel"].change_settings(project_token=TOKEN)
    vendors["account"].change_settings(
        project_token=TOKEN, service_account_username="robot", service_account_secret=ACCOUNT_SECRET, project_id="7"
    )
    vendors["customerio"].change_settings(site_id=SITE, api_key=API_KEY)
    destinations = destinations_of(vendors, secret)
    router = stage.router(
        destinations,
        "--log-level",
        "debug",
        sources=SOURCES,
        env={"ACCOUNT_SECRET": ACCOUNT_SECRET},
    )
    hurt(vendors["mixpanel"], TOKEN)
    hurt(vendors["account"], ACCOUNT_SECRET, path="/import")
    hurt(vendors["account"], TOKEN, path="/engage")
    hurt(vendors["customerio"], API_KEY, SITE)
    shown = post_all_sorts(router)
    shown += until_settled_with_reloads(stage, router, destinations, vendors.values())
    shown += show_all(stage, router)

    for text in shown:
        assert CANARY not in "".join(text.split())  # tables break lines anywhere
    reload_with_mistakes(stage, router)
    assert CANARY not in router.read_stderr()
    assert any(line["event"].startswith("destination is blocked") for line in router.log())
    check_books(router, mixpanel=7, account=7, customerio=7)


def until_settled_with_reloads(
    stage: Stage, router: Router, destinations: dict[str, Any], vendors: Collection[Vendor]
) -> list[str]:
    """Reload until no fault is left: a blocked destination tries again at once when something of it has changed.

    Returns:
        What the status said each time.
    """
    said = []

    def has_pending() -> bool:
        return any(each["books"]["pending"] for each in router.status()["destinations"])

    def is_blocked_again() -> bool:
        """Not of a request from before the last reload: reloads one upon another would let none leave."""
        is_blocked = any(each["state"] == "blocked" for each in router.status()["destinations"])
        return is_blocked and requests_to(vendors) > sent

    sent = 0
    while has_pending():
        until(lambda: not has_pending() or is_blocked_again(), "a block, or the end")
        sent = requests_to(vendors)
        said.append(str(router.status()))
        for destination in destinations.values():
            destination["delivery"]["batch_wait"] = f"{10 + len(said)}ms"
        stage.write_config(destinations, sources=SOURCES)
        assert router.reload()["event"] == "config reloaded"
    return said


def requests_to(vendors: Collection[Vendor]) -> int:
    return sum(len(vendor.requests()) for vendor in vendors)


def post_all_sorts(router: Router) -> list[str]:
    """Good, bad and refused events; what was answered."""
    answers = [
        router.post([make_event(user, number) for user in ("user001", "user002") for number in (1, 2, 3)], WRITE_KEY)
    ]
    answers += [
        router.post(make_event("user002", 4), APP_KEY),
        router.post(make_event("user003", 1), f"{CANARY}-wrong"),
    ]
    rejected = {"userId": 1, "event": None, "writeKey": WRITE_KEY}
    answers.append(call("POST", f"{router.url}/v1/track", rejected, WRITE_KEY))
    answers.append(call("POST", f"{router.url}/v1/batch", {"batch": [rejected | {"type": "track"}]}, WRITE_KEY))
    answers.append(call("POST", f"{router.url}/v1/{WRITE_KEY}", {}, WRITE_KEY))
    answers.append(call("POST", f"{router.url}/v1/batch", {"batch": {}}, WRITE_KEY))
    return list(map(str, answers))


def show_all(stage: Stage, router: Router) -> list[str]:
    """All that the router shows of itself."""
    event = stage.folder / "event.json"
    event.write_text('{"type": "identify", "userId": "user001", "traits": {"email": "ada@example.test"}}')
    shown = [str(call("GET", f"{router.admin_url}{path}")) for path in ("/metrics", "/status")]
    commands = (
        ("explain", event, "--json"),
        ("explain", event),
        ("status",),
        ("check",),
        ("destinations", "show", "account"),
        ("dead-letters", "list"),
        ("replay", "account", "--all", "--dry-run"),
        ("rejected", "list", "--json"),
        ("send", event),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ACCOUNT_SECRET", ACCOUNT_SECRET)
        shown += [said(stage.command(*arguments)) for arguments in commands]
        letters = stage.command("dead-letters", "list", "--each", "--json").json
        assert len(letters) >= 3, "nothing became a dead letter: the test has tested nothing"
        shown.append(str(letters))
        shown += [
            said(stage.command("dead-letters", "show", letter["destination"], str(letter["id"]))) for letter in letters
        ]
        shown.append(said(stage.command("trace", letters[0]["message_id"], "--json")))
    shown += [
        path.read_bytes().decode("latin-1") for path in sorted((stage.folder / "var").rglob("*")) if path.is_file()
    ]
    return shown


def reload_with_mistakes(stage: Stage, router: Router) -> None:
    """A mistake beside, and in, what is secret."""
    right = stage.config.read_text()
    for wrong in (
        right.replace('"300ms"', '"soon"'),
        right.replace(f'"{TOKEN}"', f'["{TOKEN}"]'),
        right.replace(f'"{SITE}"', f'{{"{SITE}": 1}}'),
        right.replace(f'"{WRITE_KEY}"', f'"{APP_KEY}"'),
        right.replace(f'"{TOKEN}",', f'"{TOKEN}'),
        right.replace('"${ACCOUNT_SECRET}"', f'"${{{CANARY} }}"'),
    ):
        assert wrong != right
        stage.config.write_text(wrong)
        assert router.reload()["event"] == "reload refused, the old config stays"


TALKER = """
import logging, sys
from pydantic import Field, SecretStr
from router.plugin import Action, BatchEndpoint, Custom, Plugin, PluginSettings, Request, Skip, Table, hookimpl


class Settings(PluginSettings):
    token: SecretStr = Field(description="The token.")

    def vendor_url(self):
        return "https://talker.test"


def build(event, fields, settings):
    token = settings.token.get_secret_value()
    print("printed", token, flush=True)
    print("told", token, file=sys.stderr, flush=True)
    logging.getLogger("talker").warning("logged %s", token)
    if event.user_id == "user001":
        return Skip(f"skipped for {token}")
    raise KeyError(token)


def pack(payloads, settings):
    return Request("POST", settings.api_url, [])


def judge(response, payloads, settings):
    return []


@hookimpl
def router_plugins():
    return [
        Plugin(
            slug="talker",
            name="Talker",
            settings=Settings,
            endpoints=(BatchEndpoint(name="events", pack=pack, judge=judge, max_events=10),),
            actions=(
                Action(
                    name="know person",
                    on=("identify",),
                    endpoint="events",
                    table=Table((), (Custom("traits"),)),
                    build=build,
                ),
            ),
        )
    ]
"""


@pytest.mark.timeout(60)
@pytest.mark.parametrize("options", [(), ("--processes", "1")], ids=["one process", "a process of its own"])
def test_no_secret_shows_where_a_plugin_talks(stage: Stage, tmp_path: Path, options: tuple[str, ...]) -> None:
    plugin = tmp_path / "talker.py"
    plugin.write_text(TALKER)
    router = stage.router({"talker": {"settings": {"token": TOKEN}}}, *options, plugins=[str(plugin)])
    router.post([make_event(user, 1) for user in ("user001", "user002")])
    router.until_settled()
    [letter] = stage.command("dead-letters", "list", "--each", "--json").json
    shown = [str(letter), str(router.status()), str(call("GET", f"{router.admin_url}/metrics"))]
    shown += [said(stage.command("trace", make_event("user001", 1)["messageId"]))]
    router.send(signal.SIGTERM)
    assert router.popen is not None
    assert router.popen.stdout is not None
    shown.append(router.popen.stdout.read().decode())
    router.wait()
    shown += [path.read_bytes().decode("latin-1") for path in (stage.folder / "var").rglob("*") if path.is_file()]

    assert "KeyError: '********'" in letter["reason"]
    assert "told ********\nlogged ********\n" in router.read_stderr()
    for text in (*shown, router.read_stderr()):
        assert CANARY not in "".join(text.split())
