"""All calls into the plugin of one destination, guarded and with their results checked. Delivery and explain share them.

    the core ──▶ PluginCalls ──▶ Guard.run ──▶ the plugin ──▶ returned.… ──▶ the core

Anything that goes wrong on the way is a `PluginFailed` that names the plugin.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import structlog

from router import returned
from router.guard import BadReturn, BreakOff, Guard, PluginFailed, text_of
from router.mask import mask_text, secrets_in, secrets_of
from router.plugin import (
    Action,
    BatchEndpoint,
    Blocked,
    Conversation,
    ConversationEndpoint,
    Credential,
    CredentialCheck,
    Endpoint,
    Payload,
    Plugin,
    PluginSettings,
    Request,
    Response,
    Signature,
    Signing,
    Split,
    Step,
    Table,
    UnreadableAnswer,
    Verdict,
    kept_by_text,
)
from router.plugin.historical import Historical

_T = TypeVar("_T")

MAX_STEPS = 100
"""Requests in one conversation. A plugin that wants more is taken to be in an endless loop."""

_LOGGER = structlog.get_logger()


class CredentialsFailed(PluginFailed):
    """The credentials can't be had: nothing can be sent, and no event is to blame."""


class PluginCalls:
    """See the module's docstring. All methods raise `PluginFailed`."""

    def __init__(self, destination: str, plugin: Plugin, settings: PluginSettings) -> None:
        self.guard = Guard(destination, plugin.slug, self._hide)
        self.is_unclosable = False
        """A conversation could not be closed before."""
        self._plugin = plugin
        self._settings = settings
        self._credentials: dict[str, Sequence[Credential]] = {}
        """Those asked for so far, by endpoint."""
        self._masked: Callable[[str], str] | None = None
        """Masks all secrets that are known; None where they are still to be gathered."""

    def _hide(self, text: str) -> str:
        """*text* without the secrets of the settings, and of the credentials that the plugin has made of them."""
        if self._masked is None:
            made = secrets_of((each for found in self._credentials.values() for each in found), {})
            secrets = sorted({*secrets_in(self._settings), *made}, key=len, reverse=True)
            # Most reasons come again and again: an action may skip every second event.
            self._masked = kept_by_text(most=500, longest=300)(lambda told: mask_text(told, secrets))
        return self._masked(text)

    # --- once, when a destination is made ---

    def table(self, action: Action) -> Table:
        return self.guard.run(action, lambda: returned.table(action.table_for(self._settings)))

    def historical(self, action: Action) -> Historical:
        """What a replay does with old events that trigger *action*."""
        found = self._plugin.historical_for
        return self.guard.run(action, lambda: returned.historical(found(action, self._settings), self.guard.tell))

    def address(self) -> str:
        """Where requests go: the operator's choice, else the plugin's."""
        return self.guard.run("vendor_url", lambda: returned.address(self._settings.api_url))

    def address_of(self, endpoint: Endpoint) -> str:
        """Where requests to *endpoint* go, if it declares an address of its own."""
        return self.guard.run(f"endpoint {endpoint.name}", lambda: returned.address(_origin(endpoint, self._settings)))

    def endpoint(self, endpoint: Endpoint) -> Endpoint:
        """*endpoint* with its limits for these settings."""
        return self.guard.run(
            f"endpoint {endpoint.name}", lambda: returned.endpoint(endpoint.for_settings(self._settings))
        )

    def can_check(self, check: CredentialCheck) -> bool:
        return self.guard.run("credential_check", lambda: bool(check.is_possible(self._settings)))

    def check_request(self, check: CredentialCheck) -> Request:
        return self.guard.run("credential_check", lambda: returned.request(check.request(self._settings)))

    def is_good(self, check: CredentialCheck, response: Response) -> bool:
        """Whether the answer to the request of *check* means that the credentials are right."""
        return self.guard.run("credential_check", lambda: bool(check.is_good(response)))

    # --- for every batch ---

    def pack(self, endpoint: BatchEndpoint, payloads: Sequence[Payload]) -> Request:
        return self.guard.run("pack", _pack, endpoint, payloads, self._settings)

    def judge(
        self, endpoint: BatchEndpoint, response: Response, payloads: Sequence[Payload]
    ) -> list[Verdict] | Split | Blocked:
        """Raises UnreadableAnswer too, which a plugin may raise."""
        found = self.guard.run("judge", _judge, endpoint, response, payloads, self._settings, self.guard.tell)
        if isinstance(found, UnreadableAnswer):
            raise found
        return found

    def converse(self, endpoint: ConversationEndpoint, payload: Payload) -> Talk:
        return Talk(self, endpoint, payload, self._settings)

    def credentials(self, endpoint: Endpoint) -> Sequence[Credential]:
        """The credentials, with guarded signatures. Errors do not quote what is wrong with them, since it may be a secret.

        Raises:
            CredentialsFailed: something is wrong with them.
        """
        found = self._privately("credentials", lambda: returned.credentials(endpoint.credentials(self._settings)))
        if endpoint.name not in self._credentials:
            self._credentials[endpoint.name], self._masked = found, None
        return [self._guarded(each) if isinstance(each, Signature) else each for each in found]

    def _guarded(self, signature: Signature) -> Signature:
        def sign(signing: Signing) -> Mapping[str, str]:
            return self._privately("sign", lambda: returned.signed(signature.sign(signing)))

        return replace(signature, sign=sign)

    def _privately(self, what: str, function: Callable[[], _T]) -> _T:
        def without_text() -> _T:
            try:
                return function()
            except (BadReturn, BreakOff, KeyboardInterrupt):
                raise
            except BaseException as error:
                raise BadReturn(f"raised {type(error).__name__}") from None

        try:
            return self.guard.run(what, without_text)
        except PluginFailed as error:
            raise CredentialsFailed(str(error)) from None


class Talk:
    """One conversation, of at most `MAX_STEPS` requests. Call `next` to begin and with the answer to each step, and `close`
    whatever happens."""

    def __init__(
        self, calls: PluginCalls, endpoint: ConversationEndpoint, payload: Payload, settings: PluginSettings
    ) -> None:
        self._calls = calls
        self._conversation = calls.guard.run("converse", _begin, endpoint, payload, settings)
        self._steps = 0

    def next(self, response: Response | None = None) -> Step | Verdict | Blocked:
        """The next step, or the final verdict. *response* is the answer to the last step; None to begin with.

        Raises UnreadableAnswer too, which a plugin may raise.
        """
        guard = self._calls.guard
        found = guard.run("converse", _go_on, self._conversation, response, guard.tell)
        if isinstance(found, UnreadableAnswer):
            raise found
        self._steps += isinstance(found, Step)
        if self._steps > MAX_STEPS:
            raise PluginFailed(
                f"{guard.label('converse')} wants to send more than {MAX_STEPS} requests for one payload"
            )
        return found

    def close(self) -> None:
        """End the conversation. If it refuses to end, it is left alone: that costs no event, and must not hide why it was
        ended."""
        guard = self._calls.guard
        try:
            guard.run("converse", self._conversation.close)
        except PluginFailed as error:
            if not self._calls.is_unclosable:
                self._calls.is_unclosable = True
                _LOGGER.warning("a conversation can't be closed", destination=guard.destination, reason=str(error))


def _origin(endpoint: Endpoint, settings: Any) -> Any:
    return endpoint.origin(settings) if endpoint.origin is not None else None


def _pack(endpoint: BatchEndpoint, payloads: Sequence[Payload], settings: Any) -> Request:
    return returned.request(endpoint.pack(payloads, settings))


def _judge(
    endpoint: BatchEndpoint, response: Response, payloads: Sequence[Payload], settings: Any, tell: Callable[[str], str]
) -> list[Verdict] | Split | Blocked | UnreadableAnswer:
    try:
        return returned.judgement(endpoint.judge(response, payloads, settings), len(payloads), tell)
    except UnreadableAnswer as error:
        return UnreadableAnswer(tell(text_of(error)))


def _begin(endpoint: ConversationEndpoint, payload: Payload, settings: Any) -> Conversation:
    return returned.conversation(endpoint.converse(payload, settings))


def _go_on(
    conversation: Conversation, response: Response | None, tell: Callable[[str], str]
) -> Step | Verdict | Blocked | UnreadableAnswer:
    try:
        return returned.step(next(conversation) if response is None else conversation.send(response))
    except StopIteration as end:
        return returned.last_word(end.value, tell)
    except UnreadableAnswer as error:
        return UnreadableAnswer(tell(text_of(error)))
