"""What a process of `forked` need not do again at its start. Imported by the fork server, and by nobody else.

A router imports every built-in plugin, and at its start looks for garbage among all that it has imported by then: each of them
took longer than everything else that it does.
"""

from __future__ import annotations

import gc

import uvloop

import plugins.customerio.sandbox
import plugins.intercom.sandbox
import plugins.mixpanel.sandbox
import plugins.posthog.sandbox
import plugins.webhook.sandbox
from router.cli.main import commands

__all__ = ["uvloop"]

plugins.router_plugins()
commands()
gc.collect()
gc.freeze()  # nor does a look for garbage write to these objects, which would copy their pages
