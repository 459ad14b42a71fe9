"""The mapper of a table: one Python function, generated from the rows when the table is first used.

A loop over the rows would look up the same things for every event: which objects to read, where each value goes, what can
happen to it on the way. The generated function has them built in; each row becomes a few lines. For a vendor that takes no
null, ``Trait("email", to="$email", convert=to_text)`` becomes

    read_1 = document.get('traits')
    if not isinstance(read_1, dict):
        read_1 = EMPTY
    if read_1:
        value = read_1.get('email', ABSENT)
        if value is not ABSENT:
            try:
                if value is not None:
                    value = convert_1(value)
            except ValueError as error:
                pass
            else:
                if value is None:
                    write_by_rule(result, (), '$email', value, NONE)
                else:
                    result['$email'] = value

For a trace, a second function is generated: the same lines, with others between them that record what happens.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from copy import deepcopy
from functools import lru_cache, partial
from itertools import groupby
from types import CodeType
from typing import TYPE_CHECKING, Any, Final, Protocol

from router.event import Document
from router.plugin.convert import TEXT_AS_IT_IS, name_of
from router.plugin.trace import Lineage, Trace
from router.plugin.values import LONGEST_NAME, TOO_LONG, Values

if TYPE_CHECKING:
    from router.plugin.table import Custom, Field

Path = tuple[str, ...]

_ABSENT: Final[Any] = object()
_NONE: Final[frozenset[str]] = frozenset()
_CONVERTED: Final = "if {0} is not None:"
"""The condition for calling the converter on a variable."""
_CONVERTED_BUT_TEXT: Final = "if type({0}) is not str and {0} is not None:"
"""The same for a converter that returns text unchanged."""


class Mapper(Protocol):
    def __call__(
        self, document: Document, result: Document, reserved: frozenset[str], trace: Trace | None = None
    ) -> None:
        """Write into *result* what the table makes of *document*. *reserved*: traits that never count as custom."""


def write_mapper(fields: Sequence[Field], custom: Sequence[Custom], values: Values, *, is_traced: bool) -> Mapper:
    """The function for a table of these. With *is_traced*, it takes a trace and fills it in."""
    source = _Source(fields, custom, values, is_traced)
    for each in custom:
        source.write_custom(each)
    for parents, run in groupby((field for field in fields if field.to), key=_object_read):
        source.write_run(parents, list(run))
    return source.compile()


def _paths(field: Field) -> list[Path]:
    return [tuple(source.split(".")) for source in field.sources]


def _target(custom: Custom) -> Path:
    """The path of the object that the custom keys are put in."""
    return tuple(custom.at.split(".")) if custom.at else ()


def _object_read(field: Field) -> Path | None:
    """The path of the object that holds the row's source; None for a row with several sources."""
    paths = _paths(field)
    return paths[0][:-1] if len(paths) == 1 else None


@lru_cache(256)
def _compiled(text: str) -> CodeType:
    """Kept, for a table that a plugin makes of its settings comes out alike at each reload."""
    return compile(text, "<mapper>", "exec")


class _Source:
    """The source code of a mapper, line by line, and the values that its names stand for."""

    def __init__(self, fields: Sequence[Field], custom: Sequence[Custom], values: Values, is_traced: bool) -> None:
        self._writing = [field for field in fields if field.to]
        self._paths = [path for field in fields for path in _paths(field)]
        self._filled = {*(tuple(field.to.split(".")[:-1]) for field in fields), *(_target(each) for each in custom)}
        """The paths of all objects in the result that something is written into."""
        self._is_traced = is_traced
        self._clears = values.null == "clear"
        self._ruled = values.ruled
        self._names: dict[str, Any] = {
            "ABSENT": _ABSENT,
            "EMPTY": {},
            "NONE": _NONE,
            "RULED": values.ruled,
            "deepcopy": deepcopy,
            "Lineage": Lineage,
            "clear": _clear,
            "object_in": _object_in,
            "write_by_rule": partial(_write_by_rule, values),
        }
        self._lines: list[str] = []
        self._level = 0
        self._reads: dict[Path, str] = {(): "document"}
        """By path: the variable that holds an object of the event, or an empty dict if there is none."""
        self._targets: dict[Path, str] = {(): "result"}
        """By path: the variable that holds an object of the result, or None while it isn't known to exist."""

    def compile(self) -> Mapper:
        unset = [f"{target} = None" for path, target in self._targets.items() if path]
        lines = ["def map_event(document, result, reserved, trace=None):", *unset, *self._lines, "return"]
        text = "\n    ".join(lines)
        exec(_compiled(text), self._names)
        mapper: Mapper = self._names["map_event"]
        return mapper

    # --- lines ---

    def _line(self, text: str) -> None:
        self._lines.append("    " * self._level + text)

    @contextmanager
    def _block(self, head: str) -> Iterator[None]:
        self._line(head)
        self._level += 1
        yield
        self._level -= 1

    def _told(self, text: str) -> None:
        """A line for the trace."""
        if self._is_traced:
            self._line(text)

    def _named(self, kind: str, value: Any) -> str:
        """A new name that stands for *value*."""
        name = f"{kind}_{len(self._names)}"
        self._names[name] = value
        return name

    # --- rows ---

    def write_run(self, parents: Path | None, rows: Sequence[Field]) -> None:
        """Write consecutive rows that read from the object at *parents*. None: each row has several sources."""
        if parents is None:
            for row in rows:
                self._write_choice(row)
            return
        read = self._read(parents)
        with self._block(f"if {read}:"):
            for row in rows:
                [path] = _paths(row)
                self._write_found("value", read, path, self._left_over(row))
                self._told(f"source = {'.'.join(path)!r}")
                self._write_row(row)

    def _write_choice(self, row: Field) -> None:
        """Write a row with several sources. The first one counts whose value the converter takes and is no empty text; else an
        empty text, if the converter takes that, and null only if no source has anything else."""
        left_over = self._left_over(row)
        reads = [(self._read(path[:-1]), path) for path in _paths(row)]
        self._line("value = ABSENT")
        with ExitStack() as blocks:  # each source within the block of the one before it: mostly the first has something
            for number, (read, path) in enumerate(reads):
                if number:
                    weak = "if value is ABSENT or not value and (value is None or value == ''):"
                    blocks.enter_context(self._block(weak))
                self._write_found("found", read, path, left_over)
                is_better = "found is not ABSENT" + (" and (found is not None or value is ABSENT)" if number else "")
                source = ".".join(path)
                with self._block(f"if {is_better}:"), self._converted(row, "found", repr(source)):
                    self._line("value = found")
                    self._told(f"source = {source!r}")
        with self._block("if value is not ABSENT:"):
            self._write_value(row)

    def _left_over(self, row: Field) -> str:
        """A name for the set of keys of the row's object that other rows take; "" if there are none."""
        taken = {
            other[len(path)]
            for path in _paths(row)
            for other in self._paths
            if len(other) > len(path) and other[: len(path)] == path
        }
        return self._named("taken", frozenset(taken)) if taken else ""

    def _write_found(self, variable: str, read: str, path: Path, taken: str) -> None:
        self._line(f"{variable} = {read}.get({path[-1]!r}, ABSENT)")
        if path[0] == "context":  # SDKs write null or "" there for what they don't know: it clears nothing
            with self._block(f"if {variable} is None or {variable} == '':"):
                self._line(f"{variable} = ABSENT")
        if taken:
            with self._block(f"if isinstance({variable}, dict):"):
                left = f"{{key: item for key, item in {variable}.items() if key not in {taken}}}"
                self._line(f"{variable} = {left} or ABSENT")

    def _read(self, path: Path) -> str:
        """The variable that holds the object at *path* of the event. Call it while no block is open: later lines use it too."""
        if path not in self._reads:
            inside = self._read(path[:-1])
            read = self._reads[path] = f"read_{len(self._reads)}"
            self._line(f"{read} = {inside}.get({path[-1]!r})")
            with self._block(f"if not isinstance({read}, dict):"):
                parts = self._cleared_with(path)
                if parts:
                    with self._block(f"if {read} is None and {path[-1]!r} in {inside}:"):
                        told = f", trace, {'.'.join(path)!r}" if self._is_traced else ""
                        self._line(f"clear(result, {self._named('parts', parts)}{told})")
                self._line(f"{read} = EMPTY")
        return self._reads[path]

    def _cleared_with(self, path: Path) -> tuple[Path, ...]:
        """The paths in the result that a null at *path* clears: what rows make of its parts, but not within the whole."""
        if not self._clears or path[0] != "traits" or len(path) == 1:
            return ()
        whole = tuple(f"{row.to}." for row in self._writing if path in _paths(row))
        rows = [row for row in self._writing if any(each[: len(path)] == path != each for each in _paths(row))]
        return tuple(dict.fromkeys(tuple(row.to.split(".")) for row in rows if not row.to.startswith(whole)))

    def _write_row(self, row: Field) -> None:
        """Convert ``value`` (the row's, or ABSENT) and write it to the result."""
        with self._block("if value is not ABSENT:"), self._converted(row, "value", "source"):
            self._write_value(row)

    def _write_value(self, row: Field) -> None:
        """Write ``value``, which is converted."""
        *inside, name = row.to.split(".")
        self._told(f"line = Lineage(source, {row.to!r}, {name_of(row.convert)!r})")
        self._write(tuple(inside), repr(name))

    @contextmanager
    def _converted(self, row: Field, variable: str, source: str) -> Iterator[None]:
        """A block for when the row's converter has taken *variable*. *source*: a Python expression of the path it is from."""
        if row.convert is None:
            yield
            return
        is_text_kept = row.convert in TEXT_AS_IT_IS
        with self._block("try:"), self._block((_CONVERTED_BUT_TEXT if is_text_kept else _CONVERTED).format(variable)):
            self._line(f"{variable} = {self._named('convert', row.convert)}({variable})")
        with self._block("except ValueError as error:"):
            self._told(f'trace.warnings.append(f"{{{source}}}: {{error}}; left out")')
            self._line("pass")
        with self._block("else:"):
            yield

    # --- custom keys ---

    def write_custom(self, custom: Custom) -> None:
        inside = _target(custom)
        named = {path[1] for path in self._paths if path[0] == custom.source and len(path) > 1}
        read = self._read((custom.source,))
        if custom.rename is not None:
            self._told("renamed = {}")
        with self._block(f"for key, value in {read}.items():"):
            if named:
                self._write_skip(f"key in {self._named('named', frozenset(named))}")
            if custom.source == "traits":
                self._write_skip("key in reserved")
            self._told(f"source = f'{custom.source}.{{key}}'")
            forbidden = self._named("forbidden", custom.forbidden) if custom.forbidden else "NONE"
            if custom.rename is None:
                self._line("name = key")
            else:
                with self._block("try:"):
                    self._line(f"name = {self._named('rename', custom.rename)}(key)")
                self._leave_out("except ValueError as error:", "{error}")
                self._leave_out("if name is None:", "the vendor takes no such name")
            if custom.forbidden:
                self._leave_out(f"if name in {forbidden}:", "the vendor reserves this name")
            self._told(f"line = Lineage(source, '.'.join(({custom.at!r}, name)) if {custom.at!r} else name,")
            self._told(f"    {name_of(custom.convert)!r} if value is not None else '')")
            if custom.convert is not None:
                with self._block("if value is not None:"):
                    with self._block("try:"):
                        self._line(f"value = {self._named('convert', custom.convert)}(value)")
                    with self._block("except ValueError as error:"):
                        self._told('trace.warnings.append(f"{source}: {error}; left out")')
                        self._line("continue")
            if custom.rename is not None and self._is_traced:
                self._tell_of_names_alike()
            self._write(inside, "name", forbidden)
        self._forget_targets(inside)

    def _tell_of_names_alike(self) -> None:
        with self._block("if value is not None:"):
            with self._block("if name in renamed:"):
                told = "{source}: comes out as {name}, as {renamed[name]} does; the last one is sent"
                self._line(f'trace.warnings.append(f"{told}")')
            self._line("renamed[name] = source")

    def _leave_out(self, head: str, reason: str) -> None:
        with self._block(head):
            self._told("trace.unmapped.append(source)")
            self._told(f'trace.warnings.append(f"{{source}}: {reason}; left out")')
            self._line("continue")

    def _write_skip(self, condition: str) -> None:
        with self._block(f"if {condition}:"):
            self._line("continue")

    # --- the result ---

    def _write(self, inside: Path, name: str, forbidden: str = "NONE") -> None:
        """Write ``value`` into the object *inside* of the result, under *name*, a Python expression."""
        if not self._ruled:
            self._write_as_it_is(inside, name)
            return
        with self._block("if value is None:" if self._ruled == (type(None),) else "if isinstance(value, RULED):"):
            told = ", trace, line" if self._is_traced else ""
            self._line(f"write_by_rule(result, {inside!r}, {name}, value, {forbidden}{told})")
            self._forget_targets(inside)
        with self._block("else:"):
            self._write_as_it_is(inside, name)

    def _write_as_it_is(self, inside: Path, name: str) -> None:
        self._told("trace.lineage.append(line)")
        filled = {
            path[len(inside)] for path in self._filled if len(path) > len(inside) and path[: len(inside)] == inside
        }
        if filled and name in ("name", *map(repr, filled)):
            with self._block(f"if isinstance(value, dict) and {name} in {self._named('filled', frozenset(filled))}:"):
                self._line("value = deepcopy(value)")  # the object is the event's, and later rows write into it
        target = self._targets.setdefault(inside, f"target_{len(self._targets)}")
        if inside:
            with self._block(f"if {target} is None:"):
                self._line(f"{target} = object_in(result, {inside!r})")
        self._line(f"{target}[{name}] = value")
        self._forget_targets(inside)

    def _forget_targets(self, inside: Path) -> None:
        """Forget the objects further inside *inside*: the last write may have replaced them."""
        for path, target in self._targets.items():
            if len(path) > len(inside) and path[: len(inside)] == inside:
                self._line(f"{target} = None")


def _object_in(result: Document, path: Path) -> Document:
    """The object at *path* of *result*, created if need be."""
    for key in path:
        inner = result.get(key)
        if not isinstance(inner, dict):
            inner = result[key] = {}
        result = inner
    return result


def _clear(result: Document, paths: Sequence[Path], trace: Trace | None = None, source: str = "") -> None:
    """Write null to each of *paths*, for the null at *source*. A value that is there already counts."""
    for *inside, name in paths:
        target = _object_in(result, tuple(inside))
        if name not in target:
            target[name] = None
            if trace is not None:
                trace.lineage.append(Lineage(source, ".".join((*inside, name))))


def _write_by_rule(
    values: Values,
    result: Document,
    inside: Path,
    name: str,
    value: Any,
    forbidden: frozenset[str],
    trace: Trace | None = None,
    line: Lineage | None = None,
) -> None:
    """Write a value for which the vendor has a rule. Give both *trace* and *line* or neither."""
    if trace is not None and line is not None:
        for source, item in values.dropped(line.source, value):
            kind = "an object" if isinstance(item, dict) else "a list" if isinstance(item, list) else "null"
            trace.warnings.append(f"{source}: {kind} is not sent to this vendor; left out")
        if values.rule(value) != "drop":
            trace.lineage.append(line)
    too_long = 0
    for written, item in values.written(name, value):
        if item is TOO_LONG:
            too_long += 1
        elif written not in forbidden:
            _object_in(result, inside)[written] = item
        elif trace is not None and line is not None:
            trace.warnings.append(f"{line.source}: the vendor reserves the name {written}; left out")
    if too_long and trace is not None and line is not None:
        trace.warnings.append(
            f"{line.source}: expected names of at most {LONGEST_NAME} characters when it is flattened; {too_long} left out"
        )
