"""The guard: every call into a plugin goes through one, so that errors name the plugin and calls can be timed.

    Guard.run ──▶ sets the mark ──▶ the plugin ──▶ clears the mark
                       ▲
    the alarm looks at the mark, from another thread and on a system timer, and breaks off calls that take too long

Plugins run in the process's event loop. A mark costs a fraction of a microsecond. Without an alarm (explain, tests) nothing is
marked.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import get_ident, local
from typing import Any, Protocol, TypeVar

from router.place import at_place
from router.plugin_output import printing_aside

_T = TypeVar("_T")

MAX_TEXT = 2_000
"""Characters that are kept of a plugin's words: a reason, an exception's text."""
_HEARD = 20_000
"""Characters in which secrets are looked for before the words are cut: a secret must not be cut in two and so stay."""


class PluginFailed(Exception):
    """A plugin raised, returned something that it must not, or took too long. The text names the plugin and the call."""


class PluginStuck(PluginFailed):
    """The call took too long and was broken off."""


class PluginExceeds(PluginFailed):
    """What the plugin made is too much. An event may bring that about, so nothing need be wrong with the plugin."""


class BadReturn(Exception):
    """A plugin returned something other than the plugin API promises. The text continues after the name of the call."""


class TooMuch(BadReturn):
    """It is what the plugin API promises, but more of it than the router takes."""


class BreakOff(BaseException):
    """Raised by the alarm in the middle of a call; the text says where. It is not an `Exception`, so that no plugin catches it
    by accident."""


class Mark:
    """Which call into a plugin the main thread is in, and for how long. There is one per process: `MARK`."""

    __slots__ = ("broken_off", "guard", "limit_s", "pulse", "since", "thread", "tick_s", "ticks", "what")

    def __init__(self) -> None:
        self.thread = 0
        """The thread whose calls are marked; 0 while there is no alarm."""
        self.limit_s = self.tick_s = 0.0
        self.pulse = 0
        """Counts up once a tick, in the alarm's thread."""
        self.clear()

    def clear(self) -> None:
        self.guard: Guard | None = None
        """The guard whose call it is; None outside of calls. The fields below are about this call."""
        self.what: Any = ""
        self.since = self.pulse
        self.ticks = 0
        """How often the timer has interrupted the thread that is in the call."""
        self.broken_off = 0
        """How often the call has been broken off. A plugin may catch even that."""

    @property
    def age(self) -> int:
        """How long the call has lasted, in ticks, rounded up.

        Neither count is enough by itself: the pulse stands still while a call keeps Python from changing threads (a regular
        expression), and the timer can't interrupt a call that waits in C. Neither counts while the process is stopped, so no
        call is blamed for that.
        """
        return max(self.pulse - self.since, self.ticks)


MARK = Mark()
_HERE = local()
"""``guard``: whose call a thread is in whose calls are not marked."""


def current_guard() -> Guard | None:
    """Whose call this thread is in."""
    return MARK.guard if get_ident() == MARK.thread else getattr(_HERE, "guard", None)


class HeldUp(Protocol):
    def __call__(self, what: Any, seconds: float, is_broken_off: bool) -> None:
        """The call *what* has held up the whole process for *seconds*."""


def _nobody_asks(what: Any, seconds: float, is_broken_off: bool) -> None: ...


def cut(text: str) -> str:
    """As much of a plugin's words as is kept."""
    return text[:MAX_TEXT]


class Guard:
    """The calls into the plugin of one destination."""

    def __init__(self, destination: str, slug: str, hide: Callable[[str], str]) -> None:
        """*hide* masks the destination's secrets in a text."""
        self.destination = destination
        self.slug = slug
        self.hide = hide
        self.on_held_up: HeldUp = _nobody_asks
        """Called after each call that took long enough to be noticed."""

    def run(self, what: Any, function: Callable[..., _T], *arguments: Any) -> _T:
        """``function(*arguments)``, which calls the plugin. It must neither wait for anything nor call `run` again.

        *what* names the call: a text, or something with a ``name``.

        Raises:
            PluginFailed: whatever the function raised, even an exit: a plugin can't end the router.
        """
        mark = MARK
        if get_ident() != mark.thread:
            return self._run_unmarked(what, function, *arguments)
        mark.ticks = mark.broken_off = 0
        mark.since = mark.pulse
        mark.what = what
        mark.guard = self
        try:
            return function(*arguments)
        except BaseException as error:
            text = text_of(error)
            mark.guard = None  # what follows is the router's own, and the alarm must not break it off
            failed = self._translate(what, error, text)
            raise failed from None  # in a traceback, a log would tell the plugin's own words
        finally:
            mark.guard = None  # before anything that a signal could interrupt
            if mark.pulse - mark.since > 1 or mark.ticks > 1:
                self.on_held_up(what, (mark.age - 1) * mark.tick_s, mark.broken_off > 0)

    def _run_unmarked(self, what: Any, function: Callable[..., _T], *arguments: Any) -> _T:
        _HERE.guard = self
        try:
            with printing_aside():
                return function(*arguments)
        except KeyboardInterrupt:  # somebody at a terminal
            raise
        except BaseException as error:
            raise self._translate(what, error, text_of(error)) from error
        finally:
            _HERE.guard = None

    def _translate(self, what: Any, error: BaseException, text: str) -> PluginFailed:
        """*text* is that of *error*."""
        if isinstance(error, BreakOff):
            return PluginStuck(f"{self.label(what)} took longer than {MARK.limit_s:g} s and was broken off, {text}")
        if isinstance(error, BadReturn):
            kind = PluginExceeds if isinstance(error, TooMuch) else PluginFailed
            return kind(f"{self.label(what)} {self.tell(text)}")
        return PluginFailed(f"{self.label(what)} raised {_named(error, self.tell(text))}{at_place(error)}")

    def tell(self, text: str) -> str:
        """A plugin's words as people may read them, wherever they are told: without the destination's secrets, and cut."""
        return cut(self.hide(text[:_HEARD]))

    def why_unsendable(self, error: Exception) -> str:
        """Why a request that the plugin has made can't be sent."""
        return f"{self.label('its request')} can't be sent: {describe_error(error, self.tell)}"

    def label(self, what: Any) -> str:
        """``plugin acme: pack``, or ``plugin acme: action "track event"``."""
        return f"plugin {self.slug}: {name_of(what)}"


def name_of(what: Any) -> str:
    """A call in words."""
    return what if isinstance(what, str) else f'action "{what.name}"'


def describe_error(error: BaseException, tell: Callable[[str], str] = cut) -> str:
    """The type of an exception and its text."""
    return _named(error, tell(text_of(error)))


def _named(error: BaseException, text: str) -> str:
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def text_of(error: BaseException) -> str:
    """The text of an exception, still to be told. Making it may run the plugin's own code."""
    try:
        return str(error)[:_HEARD]
    except BaseException:  # including the alarm's
        return ""
