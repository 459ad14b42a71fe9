"""The stage of tests with real processes."""

from tests.system.conftest import stage

__all__ = ["stage"]
