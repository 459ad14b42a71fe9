"""The stand-in for Zendesk Support: one account with its users, organizations and profile events.

Written from facts/vendors/zendesk.md, not from the mapper. Where the sheet has a limit and not what happens beyond it, the
stand-in refuses, so that nothing comes to rely on more.
"""

from __future__ import annotations

import base64
import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, Final

import orjson
from aiohttp import web

from plugins.zendesk.sandbox_rules import Refusal, check_event, check_organization, check_user, invalid
from router.plugin.sandbox import RateWindow, Sandbox, json_response

Fields = dict[str, Any]
MAX_SOURCES: Final = 50
MAX_TYPES: Final = 2_500
_KEY: Final = re.compile("[A-Za-z0-9_]+")
_READ_ONLY: Final = ("skip_verify_email", "verified", "user_fields", "organization_fields", "email", "organization")


class ZendeskSandbox(Sandbox):
    """One account. *settings*: ``email`` and ``api_token``, or ``oauth_token``.

    Accepted kinds: ``user`` and ``organization`` (what was sent), ``field``, ``membership``, ``event``, ``primary`` (an email
    that is the primary one now), ``merge``, and ``mail``: a mail that asks a user to verify an address.
    """

    def __init__(self, settings: Mapping[str, Any], record: Path | None = None) -> None:
        super().__init__(settings, record)
        self.now_s: Callable[[], float] = time.time
        self.requests_per_minute = 200
        self.events_per_minute = 250
        self.writes_per_user_and_minute = 5
        self.events_per_month = 150_000
        self.has_events = True
        """The plan includes the Events API."""
        self.scopes = {"read", "write"}
        """The token's: for GET and for all else, of everything or, as in ``users:read``, of one kind of thing.

        Source: developer.zendesk.com/api-reference/ticketing/oauth/oauth_tokens (a copy of 2026). It does not say to which kind
        fields and events belong; here they are those of users or organizations.
        """
        self.conflicts = 0
        """So many writes to come meet another one."""
        self.users: dict[int, Fields] = {}
        """With ``emails``, the primary one first."""
        self.organizations: dict[int, Fields] = {}
        self.memberships: set[tuple[int, int]] = set()
        self.fields: dict[str, dict[str, str]] = {"user": {}, "organization": {}}
        """Key to type."""
        self.agents: set[int] = set()
        self.sources: set[str] = set()
        self.types: set[str] = set()
        self._numbers = count(1001)
        self._recent: defaultdict[str, RateWindow] = defaultdict(partial(RateWindow, 60))
        self._events = 0

    def routes(self) -> Iterable[web.AbstractRouteDef]:
        api = "/api/v2"
        return [
            web.get(f"{api}/users/me", self._guarded(self.show_me)),
            web.get(f"{api}/users/search", self._guarded(self.search_users)),
            web.post(f"{api}/users/create_or_update", self._guarded(self.write_user)),
            web.get(f"{api}/users/{{id}}/identities", self._guarded(self.list_identities)),
            web.put(f"{api}/users/{{id}}/identities/{{identity}}/make_primary", self._guarded(self.make_primary)),
            web.put(f"{api}/users/{{id}}/merge", self._guarded(self.merge_users)),
            web.get(f"{api}/organizations/search", self._guarded(self.search_organizations)),
            web.post(f"{api}/organizations/create_or_update", self._guarded(self.write_organization)),
            web.put(f"{api}/organizations/{{id}}", self._guarded(self.update_organization)),
            web.post(f"{api}/organization_memberships", self._guarded(self.add_membership)),
            web.get(f"{api}/{{model:user|organization}}_fields", self._guarded(self.list_fields)),
            web.post(f"{api}/{{model:user|organization}}_fields", self._guarded(self.define_field)),
            web.post(f"{api}/user_profiles/events", self._guarded(self.take_event, "events")),
        ]

    def _guarded(self, handler: Any, api: str = "requests") -> Any:
        """Credentials, rate, JSON and the shape of errors, the same for every route."""

        async def guarded(request: web.Request) -> web.StreamResponse:
            limit = self.events_per_minute if api == "events" else self.requests_per_minute
            try:
                self._authorise(request)
                self._count(api, limit)
                response: web.StreamResponse = await handler(request, await _read(request))
            except Refusal as refusal:
                response = json_response(refusal.body, refusal.status)
                if refusal.status == 429:
                    response.headers["Retry-After"] = response.headers["ratelimit-reset"] = "60"
            response.headers["X-Rate-Limit"] = str(limit)
            response.headers["X-Rate-Limit-Remaining"] = str(max(0, limit - self._recent[api].used(self.now_s())))
            return response

        return guarded

    def _authorise(self, request: web.Request) -> None:
        email, token = self.settings.get("email"), self.settings.get("api_token")
        basic = base64.b64encode(f"{email}/token:{token}".encode()).decode()
        allowed = [f"Basic {basic}"] if token else []
        if self.settings.get("oauth_token"):
            allowed.append(f"Bearer {self.settings['oauth_token']}")
        if request.headers.get("Authorization") not in allowed:
            raise Refusal(401, {"error": "Couldn't authenticate you"})
        access = "read" if request.method == "GET" else "write"
        kind = "organizations" if request.path.startswith("/api/v2/organization") else "users"
        if self.scopes.isdisjoint({access, f"{kind}:{access}"}):
            raise Refusal(403, {"error": "Forbidden", "description": "You do not have access to this"})

    def _count(self, what: str, limit: int) -> None:
        """At most *limit* in any minute."""
        if not self._recent[what].has_room(self.now_s(), limit):
            raise Refusal(429, {"error": "TooManyRequests", "description": "Number of allowed API requests exceeded"})

    def _meet_conflict(self) -> None:
        if self.conflicts:
            self.conflicts -= 1
            raise Refusal(409, {"error": "Conflict", "description": "Database collision"})

    # --- users ---

    async def show_me(self, request: web.Request, body: Fields) -> web.StreamResponse:
        return json_response({"user": {"id": 1, "email": self.settings.get("email"), "role": "admin"}})

    async def search_users(self, request: web.Request, body: Fields) -> web.StreamResponse:
        external_id, query = request.query.get("external_id"), request.query.get("query", "")
        email = query.removeprefix("email:") if query.startswith("email:") else None
        found = [user for user in (self._by_external_id(external_id), self._by_email(email)) if user]
        return json_response({"users": [self._show_user(user) for user in found], "count": len(found)})

    async def write_user(self, request: web.Request, body: Fields) -> web.StreamResponse:
        sent = body.get("user")
        if not isinstance(sent, dict):
            raise Refusal(400, {"error": "user is missing"})
        check_user(sent)
        self._meet_conflict()
        external_id, email = sent.get("external_id"), sent.get("email")
        user, of_email = self._by_external_id(external_id), self._by_email(email)
        if user is not None and of_email is not None and user is not of_email:
            raise invalid("email", "DuplicateValue", f"{email} is already being used by another user")
        user = user or of_email
        is_new = user is None
        if user is None:
            if not sent.get("name"):
                raise invalid("name", "BlankValue", "Name: cannot be blank")
            user = {"id": next(self._numbers), "emails": [], "user_fields": {}}
        self._count(f"user {user['id']}", self.writes_per_user_and_minute)
        self.users[user["id"]] = user
        if email and email.lower() not in user["emails"]:
            user["emails"].append(email.lower())
            if not sent.get("skip_verify_email") and not sent.get("verified"):
                self.accept("mail", {"to": email})
        self._link(user, sent)
        self._keep(user, sent, "user")
        self.accept("user", sent, id=user["id"])
        return json_response({"user": self._show_user(user)}, 201 if is_new else 200)

    def _link(self, user: Fields, sent: Fields) -> None:
        """An organization by its id, or by its name where it exists: an unknown name creates none."""
        id = sent.get("organization_id")
        name = sent.get("organization", {}).get("name")
        if id is None and name:
            id = next((each["id"] for each in self.organizations.values() if each.get("name") == name), None)
        if id is not None:
            if id not in self.organizations:
                raise invalid("organization", "InvalidValue", "Organization: is invalid")
            user["organization_id"] = id
            self.memberships.add((user["id"], id))

    def _keep(self, held: Fields, sent: Fields, model: str) -> None:
        """Fields that are not defined are ignored without a word."""
        name = f"{model}_fields"
        held |= {key: value for key, value in sent.items() if key not in _READ_ONLY}
        held[name] |= {key: value for key, value in sent.get(name, {}).items() if key in self.fields[model]}

    def _show_user(self, user: Fields) -> Fields:
        shown = {key: value for key, value in user.items() if key != "emails"}
        return shown | {
            "email": user["emails"][0] if user["emails"] else None,
            "user_fields": dict.fromkeys(self.fields["user"]) | user["user_fields"],
        }

    def _by_external_id(self, external_id: Any) -> Fields | None:
        """Without regard to case."""
        if not external_id:
            return None
        wanted = str(external_id).casefold()
        return next((each for each in self.users.values() if str(each.get("external_id")).casefold() == wanted), None)

    def _by_email(self, email: Any) -> Fields | None:
        """Any address of a user counts."""
        wanted = str(email or "").lower()
        return next((each for each in self.users.values() if wanted and wanted in each["emails"]), None)

    def _user(self, id: Any) -> Fields:
        user = self.users.get(int(id)) if str(id).isdecimal() else None
        if user is None:
            raise Refusal(404, {"error": "RecordNotFound", "description": "Not found"})
        return user

    async def list_identities(self, request: web.Request, body: Fields) -> web.StreamResponse:
        emails = self._user(request.match_info["id"])["emails"]
        return json_response(
            {
                "identities": [
                    {"id": place, "type": "email", "value": email, "primary": place == 0}
                    for place, email in enumerate(emails)
                ]
            }
        )

    async def make_primary(self, request: web.Request, body: Fields) -> web.StreamResponse:
        emails, identity = self._user(request.match_info["id"])["emails"], request.match_info["identity"]
        if not identity.isdecimal() or int(identity) >= len(emails):
            raise Refusal(404, {"error": "RecordNotFound", "description": "Not found"})
        emails.insert(0, emails.pop(int(identity)))
        self.accept("primary", {"email": emails[0]})
        return json_response({"identities": []})

    async def merge_users(self, request: web.Request, body: Fields) -> web.StreamResponse:
        loser, winner = self._user(request.match_info["id"]), self._user(body.get("user", {}).get("id"))
        if loser is winner or {loser["id"], winner["id"]} & self.agents:
            raise invalid("base", "InvalidValue", "only two end users can be merged")
        winner["emails"] += loser["emails"]
        del self.users[loser["id"]]
        self.accept("merge", {"loser": loser.get("external_id"), "winner": winner.get("external_id")})
        return json_response({"user": self._show_user(winner)})

    # --- organizations ---

    async def write_organization(self, request: web.Request, body: Fields) -> web.StreamResponse:
        sent = body.get("organization")
        if not isinstance(sent, dict):
            raise Refusal(400, {"error": "organization is missing"})
        check_organization(sent)
        self._meet_conflict()
        id, name = sent.get("external_id"), sent.get("name")
        organization = next(
            (each for each in self.organizations.values() if id and each.get("external_id") == id), None
        )
        self._check_name(sent, organization)
        is_new = organization is None
        if organization is None:
            if not name:
                raise invalid("name", "BlankValue", "Name: cannot be blank")
            organization = {"id": next(self._numbers), "organization_fields": {}}
        self.organizations[organization["id"]] = organization
        return json_response({"organization": self._write_organization(organization, sent)}, 201 if is_new else 200)

    async def update_organization(self, request: web.Request, body: Fields) -> web.StreamResponse:
        id, sent = request.match_info["id"], body.get("organization", {})
        organization = self.organizations.get(int(id)) if id.isdecimal() else None
        if organization is None:
            raise Refusal(404, {"error": "RecordNotFound", "description": "Not found"})
        check_organization(sent)
        others = [each for each in self.organizations.values() if each is not organization]
        if sent.get("external_id") and any(each.get("external_id") == sent["external_id"] for each in others):
            raise invalid("external_id", "DuplicateValue", f"External: {sent['external_id']} has already been taken")
        self._check_name(sent, organization)
        return json_response({"organization": self._write_organization(organization, sent)})

    async def search_organizations(self, request: web.Request, body: Fields) -> web.StreamResponse:
        """By a whole name, without regard to case."""
        wanted = request.query.get("name", "").casefold()
        found = [each for each in self.organizations.values() if str(each.get("name")).casefold() == wanted]
        return json_response({"organizations": found, "count": len(found)})

    def _check_name(self, sent: Fields, organization: Fields | None) -> None:
        """A name is one organization's alone, and none is found by it.

        Source: developer.zendesk.com/api-reference/ticketing/organizations/organizations (a copy of 2026).
        """
        name = str(sent.get("name") or "").casefold()
        others = [each for each in self.organizations.values() if each is not organization]
        if name and any(str(each.get("name")).casefold() == name for each in others):
            raise invalid("name", "DuplicateValue", f"Name: {sent['name']} has already been taken")

    def _write_organization(self, organization: Fields, sent: Fields) -> Fields:
        self._keep(organization, sent, "organization")
        self.accept("organization", sent, id=organization["id"])
        known = dict.fromkeys(self.fields["organization"]) | organization["organization_fields"]
        return {**organization, "organization_fields": known}

    async def add_membership(self, request: web.Request, body: Fields) -> web.StreamResponse:
        sent = body.get("organization_membership", {})
        user_id, organization_id = sent.get("user_id"), sent.get("organization_id")
        if user_id not in self.users or organization_id not in self.organizations:
            raise Refusal(404, {"error": "RecordNotFound", "description": "Not found"})
        if (user_id, organization_id) in self.memberships:
            raise invalid("user_id", "DuplicateValue", "User is already a member of the organization")
        self.memberships.add((user_id, organization_id))
        self.accept("membership", sent)
        return json_response({"organization_membership": {"id": next(self._numbers), **sent}}, 201)

    # --- fields ---

    async def list_fields(self, request: web.Request, body: Fields) -> web.StreamResponse:
        model = request.match_info["model"]
        fields = [{"key": key, "type": kind} for key, kind in self.fields[model].items()]
        return json_response({f"{model}_fields": fields})

    async def define_field(self, request: web.Request, body: Fields) -> web.StreamResponse:
        model = request.match_info["model"]
        sent = body.get(f"{model}_field", {})
        key, kind = sent.get("key"), sent.get("type")
        if kind not in ("text", "textarea", "integer", "decimal", "checkbox", "date", "dropdown", "regexp", "lookup"):
            raise invalid("type", "InvalidValue", "Type: is invalid")
        if not isinstance(key, str) or not _KEY.fullmatch(key) or not sent.get("title"):
            raise invalid("key", "InvalidFormat", "Key: letters, digits and _ only")
        if key in self.fields[model]:
            raise invalid("key", "DuplicateValue", f"Key: {key} has already been taken")
        self.fields[model][key] = kind
        self.accept("field", {"model": model, "key": key, "type": kind})
        return json_response({f"{model}_field": sent}, 201)

    # --- events ---

    async def take_event(self, request: web.Request, body: Fields) -> web.StreamResponse:
        if not self.has_events:
            raise Refusal(404, {"error": "InvalidEndpoint", "description": "Not found"})
        profile, event = check_event(body)
        sources = self.sources | {profile["source"], event["source"]}
        types = self.types | {f"profile {profile['type']}", f"event {event['type']}"}
        if len(sources) > MAX_SOURCES or len(types) > MAX_TYPES:
            raise Refusal(400, {"error": "LimitExceeded", "description": "too many sources or types"})
        if self._events >= self.events_per_month:
            raise Refusal(429, {"error": "TooManyRequests", "description": "events of this month are used up"})
        self.sources, self.types = sources, types
        self._events += 1
        self.accept("event", body)
        return web.Response(status=202)


async def _read(request: web.Request) -> Fields:
    data = await request.read()
    if not data:
        return {}
    try:
        body = orjson.loads(data)
    except orjson.JSONDecodeError:
        raise Refusal(400, {"error": "Unprocessable JSON"}) from None
    if not isinstance(body, dict):
        raise Refusal(400, {"error": "expected an object"})
    return body
