"""A visitor's browser, and the customer's pages that it opens, served on loopback."""

from __future__ import annotations

import asyncio
import json
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web

from tests.sdks import application
from tests.sdks.requirements import CHROMIUM, MODULES, NODE, NODE_FOLDER
from tests.sdks.router_process import PATIENCE_S, WRITE_KEY
from tests.sdks.snippets import SNIPPETS

CALLS = Path(__file__).with_name("browser") / "calls.js"
FORM = Path(__file__).with_name("browser") / "form.html"

_PAGE = """<!doctype html>
<html lang="en">
<head><title>Pricing</title>%s</head>
<body><h1>Pricing</h1></body>
</html>
"""


class Pages:
    """A customer's site: one page, with scripts."""

    def __init__(self, folder: Path) -> None:
        self.url = ""
        self._folder = folder
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        app = web.Application()
        app.router.add_static("/", self._folder)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    def page(self, *calls: str) -> str:
        """The address of the page that makes these calls; see browser/calls.js."""
        return f"{self.url}/index.html?calls={','.join(calls)}"

    async def write_bundled(self, code: str) -> None:
        """A page whose own bundler took the SDK in: *code* makes ``analytics``."""
        call = f"import {{ makeCalls }} from {json.dumps(str(CALLS))}\nmakeCalls(analytics)\n"
        await self._bundle(code + call)
        self._write_page('<script type="module" src="page.js"></script>')

    async def write_pasted(self, snippet: str) -> None:
        """A page with a vendor's *snippet* pasted into its head, which makes the global ``analytics``."""
        await self._bundle(f"import {{ makeCalls }} from {json.dumps(str(CALLS))}\nmakeCalls(window.analytics)\n")
        self._write_page(f'<script>{snippet}</script><script type="module" src="page.js"></script>')

    def write_form(self, snippet: str) -> None:
        """A page with the *snippet* pasted in and a form of its own, whose visitor makes the identify."""
        (self._folder / "index.html").write_text(
            FORM.read_text().replace("<!-- snippet -->", f"<script>{snippet}</script>")
        )

    def _write_page(self, scripts: str) -> None:
        (self._folder / "index.html").write_text(_PAGE % scripts)

    async def _bundle(self, code: str) -> None:
        (self._folder / "node_modules").symlink_to(MODULES)
        (self._folder / "entry.js").write_text(code)
        options = ["--bundle", "--format=esm", "--log-level=error", "--outfile=page.js"]
        await application.run([str(MODULES / ".bin" / "esbuild"), "entry.js", *options], self._folder)


async def pasted_snippet(folder: Path, url: str) -> str:
    """Segment's snippet, as its own package writes it, with its last line replaced by the lines of the document."""
    make = f"console.log(require('@segment/snippet').min({{ apiKey: '{WRITE_KEY}', page: false }}))"
    (folder / "node_modules").symlink_to(MODULES)
    assert NODE is not None
    snippet = await application.run([NODE, "-e", make], folder)
    last = f'analytics.load("{WRITE_KEY}");'
    assert snippet.count(last) == 1
    return snippet.replace(last, SNIPPETS["segment-snippet"].code(url, WRITE_KEY))


class Browser:
    """One visitor; made by `visitor`."""

    def __init__(self, process: Process, folder: Path) -> None:
        self._process = process
        self._folder = folder

    async def open(self, address: str) -> None:
        """Open *address* in place of what is open, and return when it is loaded."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{address}\n".encode())
        line = await self._read()
        assert line == {"loaded": address}

    async def fill_in(self, fields: Mapping[str, str], click: str) -> None:
        """Type into *fields*, key by key, and click; both are found by CSS selectors."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"fields": fields, "click": click}).encode() + b"\n")
        assert await self._read() == {"clicked": click}

    async def leave(self) -> None:
        """Close the browser.

        Raises:
            AssertionError: a request wanted to leave this machine, or a script failed.
        """
        assert self._process.stdin is not None
        self._process.stdin.close()
        report = await self._read()
        assert report == {"outside": [], "errors": []}

    async def _read(self) -> Any:
        assert self._process.stdout is not None
        line = await asyncio.wait_for(self._process.stdout.readline(), PATIENCE_S)
        assert line, (self._folder / "errors").read_text()
        return json.loads(line)


@asynccontextmanager
async def visitor(folder: Path, elsewhere: Mapping[str, Path] | None = None) -> AsyncIterator[Browser]:
    """A browser with nothing remembered. *elsewhere*: the files that stand for addresses outside this machine."""
    assert NODE is not None
    options = {
        "executable": CHROMIUM,
        "profile": str(folder / "profile"),
        "elsewhere": {address: str(file) for address, file in (elsewhere or {}).items()},
    }
    command = [NODE, str(NODE_FOLDER / "browser.mjs"), json.dumps(options)]
    async with application.running(command, folder) as process:
        browser = Browser(process, folder)
        yield browser
        await browser.leave()
