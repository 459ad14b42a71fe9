"""One test for all samples, which names those that fail."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from router.testing.samples import SAMPLES, WELL_MADE
from router.testing.waiting import Waits

_Check = Callable[[Any, Any], None]


def for_each(samples: Mapping[str, Any]) -> Callable[[_Check], Callable[..., None]]:
    """Try a check with every sample, or with those that the test is given, and report all that fail.

    All samples share one test: with a test for each, pytest's own work would cost several times as much as the checks.
    """

    def decorate(check: _Check) -> Callable[..., None]:
        def test(self: Any, *given: Any) -> None:
            failed = []
            for name, sample in ({ascii(each): each for each in given} or samples).items():
                try:
                    check(self, sample)
                except Waits as error:  # so would all others be
                    failed.append(f"{name}: {error}")
                    break
                except Exception as error:
                    failed.append(f"{name}: {error or type(error).__name__}")
            assert not failed, "\n".join(failed)

        test.__name__, test.__qualname__, test.__doc__ = check.__name__, check.__qualname__, check.__doc__
        return test

    return decorate


every_sample = for_each(SAMPLES)
every_call = for_each(WELL_MADE)
