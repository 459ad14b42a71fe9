"""One test for all samples, which names those that fail."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from router.testing.samples import SAMPLES
from router.testing.waiting import Waits

_Check = Callable[[Any, Any], None]
_Samples = Callable[[Any], Mapping[str, Any]]
_NAMED: Final = 3
"""Samples that are named of those that fail alike."""


def for_each(samples: Mapping[str, Any] | _Samples) -> Callable[[_Check], Callable[..., None]]:
    """Try a check with every sample, or with those that the test is given, and report all that fail. Those that depend on the
    plugin are given by a function of the test.

    All samples share one test: with a test for each, pytest's own work would cost several times as much as the checks.
    """

    def decorate(check: _Check) -> Callable[..., None]:
        def test(self: Any, *given: Any) -> None:
            failed: dict[str, list[str]] = {}
            tried = {ascii(each): each for each in given} or (samples(self) if callable(samples) else samples)
            for name, sample in tried.items():
                try:
                    check(self, sample)
                except Waits as error:  # so would all others be
                    failed.setdefault(str(error), []).append(name)
                    break
                except Exception as error:
                    failed.setdefault(str(error) or type(error).__name__, []).append(name)
            assert not failed, "\n".join(f"{_listed(names)}: {told}" for told, names in failed.items())

        test.__name__, test.__qualname__, test.__doc__ = check.__name__, check.__qualname__, check.__doc__
        return test

    return decorate


def _listed(names: Sequence[str]) -> str:
    """*names*, of many the first ones: what they fail of is the same."""
    return "; ".join(names[:_NAMED]) + (f"; {len(names) - _NAMED} more" if len(names) > _NAMED else "")


every_sample = for_each(SAMPLES)
every_call = for_each(lambda test: test.rehearsal.calls)
