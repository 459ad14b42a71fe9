"""Checks that a model of one part can't make: names, and what one part of the config says about another.

They look at the file's plain data, so that they also work when some other value is wrong.
"""

from __future__ import annotations

import difflib
import ipaddress
import re
from collections.abc import Iterator, Mapping
from typing import Any

from router.config.phrase import HIDDEN, show
from router.config.problem import KeyPath
from router.config.server import Admin, Server
from router.config.tree import Tree

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,63}")
_NAME_RULE = "expected letters, digits, - and _, at most 64, not beginning with -"

DEMO_KEY = "demo"


def check(tree: Tree) -> None:
    """Note every contradiction as a problem of *tree*."""
    _check_ports(tree)
    _check_names(tree, "sources")
    _check_names(tree, "destinations")
    if not tree.get(("sources",)):
        tree.report(
            ("sources",), "there is none, so nothing could be sent here; add one, such as website: {write_key: …}"
        )
    _check_write_keys(tree)
    for name in tree.mapping("destinations"):
        _check_names_in(tree, ("destinations", name, "sources"), "source")
    for name in tree.mapping("sources"):
        _check_names_in(tree, ("sources", name, "destinations"), "destination")
    _check_agreement(tree)
    _check_former_names(tree, "sources", "source", "only one can have had that name")
    _check_former_names(tree, "destinations", "destination", "only one can take over that state")


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what listens on *host*. A host name other than localhost may be anything."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _check_ports(tree: Tree) -> None:
    server, admin = tree.mapping("server"), tree.mapping("admin")
    port = _port_of(server, Server().port)
    if port == _port_of(admin, Admin().port) and port != "0":
        key: KeyPath = ("admin", "port") if "port" in admin else ("server", "port")
        tree.report(key, "server and admin have the same port; give one of them another")


def _port_of(section: Mapping[str, Any], default: int) -> str:
    given = section.get("port")
    return str(default if given is None else given)  # 0 is one, too: a free port


def _check_names(tree: Tree, section: str) -> None:
    seen: dict[str, str] = {}
    for name in tree.mapping(section):
        key = (section, name)
        if not _NAME.fullmatch(name):
            tree.report(key, f"not a name; {'a blank is missing behind the colon' if ':' in name else _NAME_RULE}")
        elif section == "destinations" and name.lower() == "all":
            tree.report(key, 'not a name for a destination: "All" in an event\'s integrations speaks for every one')
        elif name.lower() in seen:
            other = seen[name.lower()]
            tree.report(
                key, f'same name as "{other}" (line {tree.line((section, other))}); upper and lower case are one'
            )
        seen.setdefault(name.lower(), name)


def _check_write_keys(tree: Tree) -> None:
    host = tree.mapping("server").get("host") or Server().host
    owners: dict[str, str] = {}
    for path, key in _write_keys(tree):
        name = path[1]
        if key == DEMO_KEY and isinstance(host, str) and not is_loopback(host):
            tree.report(
                path, "everybody knows the demo key, so it is refused where server.host isn't loopback; choose another"
            )
        if key and key in owners:
            first = owners[key]
            if first == name:
                tree.report(path, "given twice; take one out")
            else:
                line = tree.line(("sources", first))
                tree.report(path, f'same key as source "{first}" (line {line}); each needs its own')
        owners.setdefault(key, name)


def _write_keys(tree: Tree) -> Iterator[tuple[tuple[str, str, *tuple[str | int, ...]], str]]:
    """Each write key with its place, in either of the two forms."""
    for name in tree.mapping("sources"):
        one = tree.get(("sources", name, "write_key"))
        if isinstance(one, str):
            yield ("sources", name, "write_key"), one
        several = tree.get(("sources", name, "write_keys"))
        for index, key in enumerate(several if isinstance(several, list) else []):
            if isinstance(key, str):
                yield ("sources", name, "write_keys", index), key


def _check_names_in(tree: Tree, path: KeyPath, kind: str) -> None:
    """Check that the list at *path* names existing sources or destinations."""
    listed = tree.get(path)
    there = list(tree.mapping(f"{kind}s"))
    for index, name in enumerate(listed if isinstance(listed, list) else []):
        key = (*path, index)
        if not isinstance(name, str) or name in there:
            continue
        if tree.has_reference(key):
            tree.report(key, f"unknown {kind} {HIDDEN}; there are: {', '.join(there)}")
            continue
        near = difflib.get_close_matches(name, there, n=1)
        hint = f'did you mean "{near[0]}"?' if near else f"there are: {', '.join(there) or 'none'}"
        tree.report(key, f"unknown {kind} {show(name)}; {hint}")


def _check_agreement(tree: Tree) -> None:
    """Check that no destination lists a source that leaves it out: it would wait for events in vain."""
    for destination in tree.mapping("destinations"):
        listed = tree.get(("destinations", destination, "sources"))
        for index, source in enumerate(listed if isinstance(listed, list) else []):
            if not isinstance(source, str) or source not in tree.mapping("sources"):
                continue
            path: KeyPath = ("sources", source, "destinations")
            own = tree.get(path)
            if isinstance(own, list) and own and not tree.has_unresolved(path) and destination not in own:
                tree.report(
                    ("destinations", destination, "sources", index),
                    f"this source's own destinations (line {tree.line(path)}) leave it out; add it there, or take this out",
                )


def _check_former_names(tree: Tree, section: str, kind: str, why_one: str) -> None:
    """Upper and lower case are one, but for a name that was only spelled otherwise: what is kept is kept under the former."""
    present = {name.lower(): name for name in tree.mapping(section)}
    claimed: dict[str, str] = {}
    for name in tree.mapping(section):
        path = (section, name, "formerly")
        former = tree.get(path)
        if not isinstance(former, str):
            continue
        if not _NAME.fullmatch(former):
            tree.report(path, f"got {HIDDEN if tree.has_reference(path) else show(former)}, {_NAME_RULE}")
        elif (other := present.get(former.lower(), "")) and (other != name or former == name):
            tree.report(path, f'"{other}" is a {kind} of its own (line {tree.line((section, other))}); take one out')
        elif former.lower() in claimed:
            other = claimed[former.lower()]
            line = tree.line((section, other, "formerly"))
            tree.report(path, f'{kind} "{other}" says the same (line {line}); {why_one}')
        claimed.setdefault(former.lower(), name)
