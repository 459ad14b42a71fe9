"""The stand-in for Slack: one incoming webhook, and chat.postMessage and auth.test of one workspace.

Written from facts/vendors/slack.md, not from the mapper.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

import orjson
from aiohttp import web

from plugins.slack.sandbox_rules import IGNORED_BY_WEBHOOKS, MAX_TEXT, WEBHOOK_STATUSES, error_of, webhook_error_of
from router.plugin.sandbox import RateWindow, Sandbox, json_response

_WINDOW_S: Final = 20.0


class SlackSandbox(Sandbox):
    """One workspace. *settings*: ``bot_token``, ``webhook_url``. Every channel exists and has the bot in it, but for those a
    test names. The webhook is an app's, so it posts in a channel of its own.

    Accepted kind: ``message``, as it is posted.
    """

    def __init__(self, settings: Mapping[str, Any], record: Path | None = None) -> None:
        super().__init__(settings, record)
        self.now_s: Callable[[], float] = time.time
        self.scopes = {"chat:write", "chat:write.public", "chat:write.customize"}
        self.token_error = ""
        """What became of the token: ``account_inactive``, ``token_revoked``, ``token_expired``."""
        self.channel_errors: dict[str, str] = {}
        """By channel: ``channel_not_found``, ``not_in_channel``, ``is_archived``, ``restricted_action``."""
        self.error = ""
        """What is wrong inside Slack: ``internal_error``, ``fatal_error``, ``service_unavailable``, ``request_timeout``."""
        self.webhook_error = ""
        """What became of the webhook, or of Slack: one of ``WEBHOOK_STATUSES``."""
        self.messages_per_s = 1.0
        """Of one channel, on average over 20 seconds."""
        self._posted: defaultdict[str, RateWindow] = defaultdict(partial(RateWindow, _WINDOW_S))

    def routes(self) -> Iterable[web.AbstractRouteDef]:
        return [
            web.post("/services/{team}/{app}/{secret}", self.post_to_webhook),
            web.post("/api/chat.postMessage", self.post_message),
            web.post("/api/auth.test", self.test_auth),
        ]

    async def post_to_webhook(self, request: web.Request) -> web.Response:
        if not str(self.settings.get("webhook_url", "")).endswith(request.path):
            return _answer("no_service")
        wait_s = self._wait_s(request.path)
        if wait_s > 0:
            return _wait(_answer("rate_limited"), wait_s)
        try:
            message = orjson.loads(await _payload_of(request))
        except orjson.JSONDecodeError:
            return _answer("invalid_payload")
        error = self.webhook_error or webhook_error_of(message)
        if error:
            return _answer(error)
        posted = {name: value for name, value in message.items() if name not in IGNORED_BY_WEBHOOKS}
        self.accept("message", {**posted, "text": posted.get("text", "")[:MAX_TEXT]})
        return web.Response(text="ok")

    async def test_auth(self, request: web.Request) -> web.Response:
        error = self._auth_error(request)
        return _refuse(error) if error else json_response({"ok": True, "team": "Sandbox", "user": "router"})

    async def post_message(self, request: web.Request) -> web.Response:
        error = self._auth_error(request)
        if not error and "chat:write" not in self.scopes:
            error = "missing_scope"
        if error:
            return _refuse(error)
        try:
            message = orjson.loads(await request.read())
        except orjson.JSONDecodeError:
            return _refuse("invalid_arguments")
        if not isinstance(message, dict) or request.content_type != "application/json":
            return _refuse("invalid_arguments")
        channel = message.get("channel")
        if not isinstance(channel, str) or not channel:
            return _refuse("channel_not_found")
        wait_s = self._wait_s(channel)
        if wait_s > 0:
            return _wait(_refuse("ratelimited", 429), wait_s)
        error = self.channel_errors.get(channel) or self.error or error_of(message)
        return _refuse(error) if error else self._post(channel, message)

    def _auth_error(self, request: web.Request) -> str:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer" or not token:
            return "not_authed"
        return "invalid_auth" if token != self.settings.get("bot_token") else self.token_error

    def _wait_s(self, channel: str) -> float:
        posted, now_s = self._posted[channel], self.now_s()
        return 0.0 if posted.has_room(now_s, self.messages_per_s * _WINDOW_S) else posted.wait_s(now_s)

    def _post(self, channel: str, message: dict[str, Any]) -> web.Response:
        text = message.get("text", "")
        posted = {**message, "text": text[:MAX_TEXT]}
        if "chat:write.customize" not in self.scopes:
            posted = {
                name: value for name, value in posted.items() if name not in ("username", "icon_emoji", "icon_url")
            }
        self.accept("message", posted)
        answer = {"ok": True, "channel": channel, "ts": f"{self.now_s():.6f}", "message": {"text": posted["text"]}}
        if len(text) > MAX_TEXT:
            answer |= {"warning": "message_truncated", "response_metadata": {"warnings": ["message_truncated"]}}
        return json_response(answer)


async def _payload_of(request: web.Request) -> str | bytes:
    """The body, or of a form its only field."""
    if request.content_type != "application/x-www-form-urlencoded":
        return await request.read()
    return str((await request.post()).get("payload", ""))


def _answer(word: str) -> web.Response:
    """A webhook's: plain text."""
    return web.Response(text=word, status=WEBHOOK_STATUSES[word])


def _wait(answer: web.Response, wait_s: float) -> web.Response:
    answer.headers["Retry-After"] = str(max(1, round(wait_s)))
    return answer


def _refuse(error: str, status: int = 200) -> web.Response:
    """A 200 in most cases: only the body tells."""
    return json_response({"ok": False, "error": error}, status)
