"""Property tests: the same cases at every run, however slow the machine, and more of them in `make test-full`.

``HYPOTHESIS_PROFILE=search`` looks for new ones.
"""

import gc
import os
from collections.abc import Generator

import pytest
from hypothesis import settings

pytest_plugins = ["tests.rows"]

settings.register_profile("few", derandomize=True, deadline=None, max_examples=15)
settings.register_profile("many", derandomize=True, deadline=None, max_examples=200)
settings.register_profile("search", deadline=None, max_examples=200)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "few"))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is collected stays to the end: nothing is gained by looking through it for garbage, now or later."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()
