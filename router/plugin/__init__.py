"""The plugin API: everything that a plugin may import. Its sandbox may import `router.plugin.sandbox` as well.

A plugin declares one `Plugin`: its settings, endpoints and actions. It maps events to payloads, packs payloads into a
request and judges the response, all without I/O. The core waits, retries, limits, batches, orders and counts.
"""

from router.event import EVENT_TYPES, Document, Event, EventType, looks_like_email
from router.plugin import convert
from router.plugin.conversing import Ended, Said, conversation, unless_refused
from router.plugin.convert import Converter
from router.plugin.credential import (
    Basic,
    Bearer,
    BodyField,
    Credential,
    HeaderKey,
    OAuth2,
    PathKey,
    QueryKey,
    Signature,
    Signing,
    SigV4,
)
from router.plugin.currency import has_odd_currency
from router.plugin.declaration import API_VERSION, Action, CredentialCheck, Plugin
from router.plugin.device import app_platform
from router.plugin.email_in_text import holds_email, without_email
from router.plugin.endpoint import BatchEndpoint, Conversation, ConversationEndpoint, Endpoint, Step
from router.plugin.historical import Harmless, Historical, Marked
from router.plugin.hooks import hookimpl
from router.plugin.judging import (
    MISPLACED,
    OF_THE_SET_UP,
    Mend,
    Named,
    again_without,
    describe,
    is_outage,
    judge_by_status,
    judge_named,
    only_verdict,
)
from router.plugin.kept import kept_by_text
from router.plugin.lateness import came_late
from router.plugin.omission import has_part, left_out, make_room, without, without_nulls
from router.plugin.packing import pack_one
from router.plugin.personal import tells_person, tells_whose_name
from router.plugin.query import without_params
from router.plugin.request import Payload, Request, Response, UnreadableAnswer, build_url
from router.plugin.settings import PluginSettings
from router.plugin.skip import Skip
from router.plugin.spelling import spelt_alike
from router.plugin.table import Custom, Field, Table, Trait, same_name
from router.plugin.values import Values
from router.plugin.verdict import Again, Blocked, Dead, Delivered, Judgement, Later, Split, Verdict
from router.plugin.view import view_name
from router.plugin.whole_event import WHOLE_EVENT
from router.plugin.worth import PRODUCT_IDS, complete_value, count_whole, quantity_of, worth_of, worth_of_one
from router.traits import GROUP_TRAITS, NESTED_TRAITS, USER_TRAITS, camel_case, canonical_trait, snake_case

__all__ = [
    "API_VERSION",
    "EVENT_TYPES",
    "GROUP_TRAITS",
    "MISPLACED",
    "NESTED_TRAITS",
    "OF_THE_SET_UP",
    "PRODUCT_IDS",
    "USER_TRAITS",
    "WHOLE_EVENT",
    "Action",
    "Again",
    "Basic",
    "BatchEndpoint",
    "Bearer",
    "Blocked",
    "BodyField",
    "Conversation",
    "ConversationEndpoint",
    "Converter",
    "Credential",
    "CredentialCheck",
    "Custom",
    "Dead",
    "Delivered",
    "Document",
    "Ended",
    "Endpoint",
    "Event",
    "EventType",
    "Field",
    "Harmless",
    "HeaderKey",
    "Historical",
    "Judgement",
    "Later",
    "Marked",
    "Mend",
    "Named",
    "OAuth2",
    "PathKey",
    "Payload",
    "Plugin",
    "PluginSettings",
    "QueryKey",
    "Request",
    "Response",
    "Said",
    "SigV4",
    "Signature",
    "Signing",
    "Skip",
    "Split",
    "Step",
    "Table",
    "Trait",
    "UnreadableAnswer",
    "Values",
    "Verdict",
    "again_without",
    "app_platform",
    "build_url",
    "came_late",
    "camel_case",
    "canonical_trait",
    "complete_value",
    "conversation",
    "convert",
    "count_whole",
    "describe",
    "has_odd_currency",
    "has_part",
    "holds_email",
    "hookimpl",
    "is_outage",
    "judge_by_status",
    "judge_named",
    "kept_by_text",
    "left_out",
    "looks_like_email",
    "make_room",
    "only_verdict",
    "pack_one",
    "quantity_of",
    "same_name",
    "snake_case",
    "spelt_alike",
    "tells_person",
    "tells_whose_name",
    "unless_refused",
    "view_name",
    "without",
    "without_email",
    "without_nulls",
    "without_params",
    "worth_of",
    "worth_of_one",
]
