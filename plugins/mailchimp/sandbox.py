"""A stand-in for one Mailchimp account with one audience, written from facts/vendors/mailchimp.md.

It has the standard merge fields and those that its settings name. Kinds that it takes: ``member`` (what was sent), ``event``,
``tags``.
"""

from __future__ import annotations

import asyncio
import hashlib
from base64 import b64decode
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import orjson
from aiohttp import web

from plugins.mailchimp.sandbox_rules import STANDARD, STATUSES, Fault, check_event, check_member, is_real_email
from router.plugin.sandbox import Sandbox, json_response

MAX_MEMBERS = 500
_ROOT = "/3.0"


class _Problem(Exception):
    def __init__(self, status: int, title: str, detail: str, *errors: Fault) -> None:
        self.body: dict[str, Any] = {
            "type": "about:blank",
            "title": title,
            "status": status,
            "detail": detail,
            "instance": "sandbox",
        }
        if errors:
            self.body["errors"] = [{"field": field, "message": message} for field, message in errors]
        self.status = status


def _invalid(*errors: Fault) -> _Problem:
    return _Problem(400, "Invalid Resource", "The resource submitted could not be validated.", *errors)


class MailchimpSandbox(Sandbox):
    """*settings*: ``api_key``, ``audience_id``; ``merge_fields`` and ``group_fields`` say which fields there are."""

    def __init__(self, settings: Mapping[str, Any], record: Path | None = None) -> None:
        super().__init__(settings, record)
        self.is_key_disabled = False
        self.double_optin = False
        self.max_connections = 10
        self.gate = asyncio.Event()
        """Requests wait here while it is closed."""
        self.gate.set()
        self.fields: dict[str, str] = dict(STANDARD)
        """Type by tag."""
        for setting in ("merge_fields", "group_fields"):
            for named in (self.settings.get(setting) or {}).values():
                tag, _, kind = named.partition(":")
                self.fields[tag] = kind or "text"
        self.required: set[str] = set()
        """Tags of merge fields that a member has to have."""
        self.members: dict[str, dict[str, Any]] = {}
        """By the MD5 of the address."""
        self.forgotten: set[str] = set()
        """Who was deleted for good, by that MD5."""
        self._open = 0

    def routes(self) -> Iterable[web.AbstractRouteDef]:
        audience = f"{_ROOT}/lists/{{list_id}}"
        return [
            web.get(f"{_ROOT}/ping", self._guarded(self.ping)),
            web.get(audience, self._guarded(self.tell_audience)),
            web.get(f"{audience}/merge-fields", self._guarded(self.list_fields)),
            web.post(audience, self._guarded(self.write_members)),
            web.put(f"{audience}/members/{{member}}", self._guarded(self.write_member)),
            web.post(f"{audience}/members/{{member}}/events", self._guarded(self.take_event)),
            web.post(f"{audience}/members/{{member}}/tags", self._guarded(self.tag_member)),
        ]

    # --- what every route has ---

    def _guarded(self, handler: Any) -> Any:
        async def guarded(request: web.Request) -> web.StreamResponse:
            self._open += 1
            try:
                if self._open > self.max_connections:
                    raise _Problem(429, "TooManyRequests", "You have exceeded the limit of simultaneous connections.")
                await self.gate.wait()
                self._authorise(request)
                response: web.StreamResponse = await handler(request, await _json(request))
            except _Problem as problem:
                response = json_response(problem.body, problem.status)
                response.headers["Content-Type"] = "application/problem+json"
            finally:
                self._open -= 1
            return response

        return guarded

    def _authorise(self, request: web.Request) -> None:
        """Bearer, or Basic with any user name."""
        scheme, _, value = request.headers.get("Authorization", "").partition(" ")
        if scheme == "Basic":
            value = b64decode(value).decode().partition(":")[2]
        if value != self.settings["api_key"]:
            raise _Problem(401, "API Key Invalid", "Your API key may be invalid, or of another data centre.")
        if self.is_key_disabled:
            raise _Problem(403, "User Disabled", "This account has been deactivated.")
        if request.match_info.get("list_id", self.settings["audience_id"]) != self.settings["audience_id"]:
            raise _Problem(404, "Resource Not Found", "The requested resource could not be found.")

    async def ping(self, request: web.Request, body: Any) -> web.StreamResponse:
        return json_response({"health_status": "Everything's Chimpy!"})

    async def tell_audience(self, request: web.Request, body: Any) -> web.StreamResponse:
        return json_response({"id": self.settings["audience_id"], "double_optin": self.double_optin})

    async def list_fields(self, request: web.Request, body: Any) -> web.StreamResponse:
        fields = [{"tag": tag, "type": kind, "required": tag in self.required} for tag, kind in self.fields.items()]
        return json_response({"merge_fields": fields, "total_items": len(fields)})

    # --- members ---

    async def write_member(self, request: web.Request, body: Any) -> web.StreamResponse:
        if not isinstance(body, dict):
            raise _invalid(("", "expected an object"))
        member_id = _member_id(request)
        self._check(body, member_id, is_lenient=request.query.get("skip_merge_validation") == "true")
        return json_response(self._write(body, member_id))

    def _check(self, member: dict[str, Any], member_id: str, *, is_lenient: bool) -> None:
        """Refuse what Mailchimp refuses of a member, new or not."""
        known = self.members.get(member_id)
        faults = list(check_member(member, self.fields))
        if known is None:
            faults += [] if member.get("email_address") else [("email_address", "This value should not be blank.")]
            faults += (
                [] if _status_of(member) else [("status", "status or status_if_new is required for a new member.")]
            )
        held: dict[str, Any] = {**known["merge_fields"]} if known else {}
        held |= member.get("merge_fields", {}) if not faults else {}
        if not is_lenient and not faults:
            faults += [(f"merge_fields.{tag}", "Please enter a value.") for tag in self.required if not held.get(tag)]
        if faults:
            raise _invalid(*faults)
        if known is None and member_id in self.forgotten:
            raise _Problem(
                400, "Forgotten Email Not Subscribed", "It was permanently deleted and cannot be re-imported."
            )
        if known and known["status"] in ("unsubscribed", "cleaned") and member.get("status") == "subscribed":
            raise _Problem(
                400, "Member In Compliance State", "It cannot be subscribed because of its compliance state."
            )

    def _write(self, sent: dict[str, Any], member_id: str) -> dict[str, Any]:
        """A field that there is not is ignored; a status of a new member is no one else's."""
        known = self.members.pop(member_id, {"tags": []})
        held = {tag: value for tag, value in sent.get("merge_fields", {}).items() if tag in self.fields}
        status = sent.get("status") or known.get("status") or sent.get("status_if_new")
        email = sent.get("email_address") or known["email_address"]
        rest: dict[str, Any] = {name: sent[name] for name in ("language", "timestamp_signup") if name in sent}
        fields = {**known.get("merge_fields", {}), **held}
        new_id = _md5(email)
        member: dict[str, Any] = {
            **known,
            **rest,
            "id": new_id,
            "email_address": email,
            "status": status,
            "merge_fields": fields,
        }
        self.members[new_id] = member
        self.accept("member", sent)
        return {**member, "contact_id": f"c-{new_id}", "_links": _links(new_id)}

    async def write_members(self, request: web.Request, body: Any) -> web.StreamResponse:
        """Up to 500; whoever is refused is listed, the others are written."""
        members = body.get("members") if isinstance(body, dict) else None
        if not isinstance(members, list) or not members or not all(isinstance(each, dict) for each in members):
            raise _invalid(("members", "expected a list of members"))
        if len(members) > MAX_MEMBERS:
            raise _invalid(("members", f"at most {MAX_MEMBERS} members"))
        is_lenient = request.query.get("skip_merge_validation") == "true"
        takes_first = request.query.get("skip_duplicate_check") == "true"
        seen: set[str] = set()
        errors: list[dict[str, Any]] = []
        done: dict[str, list[Any]] = {"new_members": [], "updated_members": []}
        for member in members:
            email = str(member.get("email_address", ""))
            member_id = _md5(email)
            is_known = member_id in self.members
            if member_id in seen:
                if not takes_first:
                    errors.append(_error(email, "ERROR_DUPLICATE", "duplicate address in this request"))
                continue
            seen.add(member_id)
            if is_known and not body.get("update_existing"):
                errors.append(_error(email, "ERROR_CONTACT_EXISTS", f"{email} is already a list member"))
                continue
            if member.get("status") not in STATUSES or not is_real_email(email):
                errors.append(_error(email, "ERROR_GENERIC", "a real email_address and a status are required"))
                continue
            try:
                self._check(member, member_id, is_lenient=is_lenient)
            except _Problem as problem:
                field = next((error["field"] for error in problem.body.get("errors", [])), "")
                errors.append(_error(email, "ERROR_GENERIC", str(problem.body["title"]), field))
                continue
            done["updated_members" if is_known else "new_members"].append(self._write(member, member_id))
        totals = {"total_created": len(done["new_members"]), "total_updated": len(done["updated_members"])}
        return json_response({**done, "errors": errors, **totals, "error_count": len(errors)})

    # --- what belongs to a member ---

    def _member(self, request: web.Request) -> dict[str, Any]:
        member = self.members.get(_member_id(request))
        if member is None:
            raise _Problem(404, "Resource Not Found", "The requested resource could not be found.")
        return member

    async def take_event(self, request: web.Request, body: Any) -> web.StreamResponse:
        """Kept each time it comes: a repeat is an event of its own."""
        member = self._member(request)
        faults = list(check_event(body))
        if faults:
            raise _invalid(*faults)
        self.accept("event", body, email=member["email_address"])
        return web.Response(status=204)

    async def tag_member(self, request: web.Request, body: Any) -> web.StreamResponse:
        member = self._member(request)
        tags = body.get("tags") if isinstance(body, dict) else None
        if not isinstance(tags, list) or not all(isinstance(tag, dict) and tag.get("name") for tag in tags):
            raise _invalid(("tags", "expected a list of tags with their names"))
        for tag in tags:
            member["tags"] = [each for each in member["tags"] if each != tag["name"]]
            member["tags"] += [tag["name"]] if tag.get("status") == "active" else []
        self.accept("tags", tags, email=member["email_address"])
        return web.Response(status=204)


def _links(member_id: str) -> list[dict[str, str]]:
    """What an answer about a member is full of.

    Source: mailchimp.com/developer/marketing/api/list-members, the example of an answer (its relations; the form of the rest).
    """
    href = f"https://us1.api.mailchimp.com/3.0/lists/a1b2c3d4e5/members/{member_id}"
    schema = "https://us1.api.mailchimp.com/schema/3.0/Definitions/Lists/Members"
    relations = ("self", "parent", "update", "delete", "activity", "goals", "notes", "events")
    return [
        {"rel": each, "href": f"{href}/{each}", "method": "GET", "targetSchema": f"{schema}/{each}/Response.json"}
        for each in relations
    ]


def _status_of(member: Mapping[str, Any]) -> Any:
    return member.get("status") or member.get("status_if_new")


def _error(email: str, code: str, text: str, field: str = "") -> dict[str, str]:
    return {
        "email_address": email,
        "error": text,
        "error_code": code,
        "field": field,
        "field_message": "not valid" if field else "",
    }


def _md5(email: str) -> str:
    return hashlib.md5(email.lower().encode(), usedforsecurity=False).hexdigest()


def _member_id(request: web.Request) -> str:
    """The path names a member by its address or by the MD5 of it."""
    named = request.match_info["member"]
    return _md5(named) if "@" in named else named


async def _json(request: web.Request) -> Any:
    data = await request.read()
    try:
        return orjson.loads(data) if data else None
    except orjson.JSONDecodeError:
        raise _Problem(400, "JSON Parse Error", "The body is not JSON.") from None
