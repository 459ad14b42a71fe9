"""The rows of a table run as one test, which names every row that fails.

A table is a function with ``@pytest.mark.parametrize``. pytest keeps books of each of its rows as of a test, in every worker,
and that costs many times what most rows do: so the rows of a function that is given nothing but their values become one test.
Each row of an async function still has an event loop of its own.

A row with marks stays a test, and so do those of a function that is marked as long, and those for which something is made anew:
a fixture of function scope, an indirect parameter. ``pytest --rows``, or a row's name on the command line, makes all rows tests
again.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Callable, Generator, Mapping, MappingView, Set
from typing import Any

import pytest

_COUNT = "rows"
_LONG = ("full", "timeout")


def run_rows(run: Callable[[Any], object], rows: Mapping[str, Any]) -> None:
    """*run* every row, by its name, then tell of all that failed.

    Raises:
        BaseExceptionGroup: what was raised, in the order of the rows, each with a note that names its row.
        pytest.skip.Exception: every row was skipped.
    """
    failed: dict[str, BaseException] = {}
    skipped = []
    for name, row in rows.items():
        try:
            run(row)
        except pytest.skip.Exception as reason:
            skipped.append(reason)
        except (Exception, pytest.fail.Exception) as error:
            error.add_note(f"in the row [{name}]")
            failed[name] = error
    if failed:
        names = ", ".join(f"[{name}]" for name in failed)
        raise BaseExceptionGroup(f"{len(failed)} of {len(rows)} rows failed: {names}", list(failed.values()))
    if skipped and len(skipped) == len(rows):
        raise skipped[0]


def _plain_rows(made: list[Any]) -> dict[str, pytest.Function]:
    """Of the tests made of one function, by their names the rows of which a call of it is all there is to do."""
    item = made[0]
    if not isinstance(item, pytest.Function) or not hasattr(item, "callspec") or item.cls:
        return {}
    if any(item.get_closest_marker(name) for name in _LONG):
        return {}
    values, parameters = _values(item), inspect.signature(item.function).parameters.keys()
    scopes = {name: fixtures[-1].scope for name, fixtures in item._fixtureinfo.name2fixturedefs.items()}
    others = [scopes.get(name, "function") for name in item.fixturenames if name not in values]
    if values != item.callspec.params.keys() or "function" in others or hasattr(item.function, "hypothesis"):
        return {}
    if inspect.iscoroutinefunction(item.function) and values != parameters:  # what it shares may belong to another loop
        return {}
    return {row.callspec.id: row for row in made if not row.callspec.marks}


def _values(item: pytest.Function) -> set[str]:
    """The arguments that ``@pytest.mark.parametrize`` gives as they are."""
    marks = [mark for mark in item.iter_markers("parametrize") if not mark.kwargs.get("indirect")]
    names = [mark.args[0] if mark.args else mark.kwargs["argnames"] for mark in marks]
    return {name.strip() for each in names for name in (each.split(",") if isinstance(each, str) else each)}


def _fold(collector: pytest.Collector, name: str, rows: Mapping[str, pytest.Function]) -> pytest.Function:
    function = next(iter(rows.values())).function
    run = (lambda **given: asyncio.run(function(**given))) if inspect.iscoroutinefunction(function) else function
    values = {id: row.callspec.params for id, row in rows.items()}

    @functools.wraps(function)
    def table(**shared: Any) -> None:
        run_rows(lambda row: run(**row, **shared), values)

    given = next(iter(values.values()))
    signature = inspect.signature(function)
    left = [parameter for name, parameter in signature.parameters.items() if name not in given]
    table.__signature__ = signature.replace(parameters=left)  # type: ignore[attr-defined]
    folded = pytest.Function.from_parent(collector, name=name, callobj=table)
    folded.user_properties.append((_COUNT, len(rows)))
    return folded


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A set has another order in another process, and the workers of one run must collect the same rows."""
    for mark in metafunc.definition.iter_markers("parametrize"):
        rows = mark.args[1] if len(mark.args) > 1 else mark.kwargs["argvalues"]
        if isinstance(rows, Set) and not isinstance(rows, MappingView):
            raise pytest.Collector.CollectError(f"{mark.args[0]!r} is given a {type(rows).__name__}: sort it")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--rows", action="store_true", help="each row of a table is a test of its own")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_pycollect_makeitem(collector: pytest.Collector, name: str) -> Generator[None, Any, Any]:
    made = yield
    config = collector.config
    if not isinstance(made, list) or config.option.rows or any("[" in each for each in config.args):
        return made
    plain = _plain_rows(made) if made else {}
    if len(plain) < 2:
        return made
    return [_fold(collector, name, plain), *(item for item in made if item not in plain.values())]


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """How many rows there were, so that none is lost unseen."""
    reports = [report for end in ("passed", "failed") for report in terminalreporter.stats.get(end, [])]
    counts = [count for report in reports for name, count in report.user_properties if name == _COUNT]
    if counts:
        terminalreporter.write_line(f"{len(counts)} tables with {sum(counts)} rows")
