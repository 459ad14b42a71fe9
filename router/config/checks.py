"""What a model of one part can't see: names, and what one part of the config says of another.

They look at the file's plain data, so that they also speak when some other value is wrong.
"""

from __future__ import annotations

import difflib
import ipaddress
import re

from router.config.model import Admin, Server
from router.config.phrase import HIDDEN, show
from router.config.problem import KeyPath
from router.config.tree import Tree

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,63}")
_NAME_RULE = "expected letters, digits, - and _, at most 64, not beginning with -"

DEMO_KEY = "demo"


def check(tree: Tree) -> None:
    """Note every contradiction in the tree."""
    _check_ports(tree)
    _check_names(tree, "sources")
    _check_names(tree, "destinations")
    if not tree.get(("sources",)):
        tree.report(
            ("sources",), "there is none, so nothing could be sent here; add one, such as website: {write_key: …}"
        )
    _check_write_keys(tree)
    for name in tree.mapping("destinations"):
        _check_sources_of(tree, name)
    _check_former_names(tree)


def is_loopback(host: str) -> bool:
    """True if only this machine can reach what listens on *host*. A host name other than localhost may be anything."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _check_ports(tree: Tree) -> None:
    server, admin = tree.mapping("server"), tree.mapping("admin")
    port = str(server.get("port") or Server().port)
    if port == str(admin.get("port") or Admin().port) and port != "0":
        key: KeyPath = ("admin", "port") if "port" in admin else ("server", "port")
        tree.report(key, "server and admin have the same port; give one of them another")


def _check_names(tree: Tree, section: str) -> None:
    seen: dict[str, str] = {}
    for name in tree.mapping(section):
        key = (section, name)
        if not _NAME.fullmatch(name):
            tree.report(key, f"not a name; {_NAME_RULE}")
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
    for name in tree.mapping("sources"):
        path = ("sources", name, "write_key")
        key = tree.get(path)
        if not isinstance(key, str):
            continue
        if key == DEMO_KEY and isinstance(host, str) and not is_loopback(host):
            tree.report(
                path, "everybody knows the demo key, so it is refused where server.host isn't loopback; choose another"
            )
        if key and key in owners:
            first = owners[key]
            tree.report(
                path, f'same key as source "{first}" (line {tree.line(("sources", first))}); each needs its own'
            )
        owners.setdefault(key, name)


def _check_sources_of(tree: Tree, destination: str) -> None:
    path = ("destinations", destination, "sources")
    listed = tree.get(path)
    sources = list(tree.mapping("sources"))
    for index, name in enumerate(listed if isinstance(listed, list) else []):
        key = (*path, index)
        if not isinstance(name, str) or name in sources:
            continue
        if tree.has_reference(key):
            tree.report(key, f"unknown source {HIDDEN}; there are: {', '.join(sources)}")
            continue
        near = difflib.get_close_matches(name, sources, n=1)
        hint = f'did you mean "{near[0]}"?' if near else f"there are: {', '.join(sources) or 'none'}"
        tree.report(key, f"unknown source {show(name)}; {hint}")


def _check_former_names(tree: Tree) -> None:
    present = {name.lower(): name for name in tree.mapping("destinations")}
    claimed: dict[str, str] = {}
    for name in tree.mapping("destinations"):
        path = ("destinations", name, "formerly")
        former = tree.get(path)
        if not isinstance(former, str):
            continue
        if not _NAME.fullmatch(former):
            tree.report(path, f"got {HIDDEN if tree.has_reference(path) else show(former)}, {_NAME_RULE}")
        elif former.lower() in present:
            other = present[former.lower()]
            tree.report(
                path, f'"{other}" is a destination of its own (line {tree.line(("destinations", other))}); take one out'
            )
        elif former.lower() in claimed:
            other = claimed[former.lower()]
            line = tree.line(("destinations", other, "formerly"))
            tree.report(path, f'destination "{other}" says the same (line {line}); only one can take over that state')
        claimed.setdefault(former.lower(), name)
