"""All that the core relies on, of Attio with everything switched on."""

from __future__ import annotations

from plugins import attio
from router.plugin import Blocked, Dead, Later
from router.testing import Answer, PluginContract


class TestAttio(PluginContract):
    plugin = attio.PLUGIN
    minimal = {
        "access_token": "token-of-a-test",
        "use_users_object": True,
        "use_workspaces_object": True,
        "person_attributes": {"company.name": "company_name", "plan": "plan_tier"},
    }
    waivers = {"test_no_null_is_made_up": "a location has all its parts, and null for those that are not told"}
    answers = {
        400: Dead,
        401: Blocked,
        403: Blocked,
        404: Blocked,
        405: Blocked,
        409: Later,
        429: Answer(Later, b'{"status_code":429,"type":"rate_limit_error","code":"rate_limit_exceeded"}'),
        500: Later,
        503: Later,
        504: Later,
    }
