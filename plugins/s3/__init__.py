"""Amazon S3, and object storage that speaks as it does: every event, unchanged, in the objects of a bucket.

Source: facts/vendors/s3.md.
"""

from __future__ import annotations

from collections.abc import Sequence

from plugins.s3 import mapping, wire
from plugins.s3.settings import MAX_BATCH, Settings
from router.plugin import EVENT_TYPES, WHOLE_EVENT, Action, BatchEndpoint, CredentialCheck, Harmless, Plugin, hookimpl

PLUGIN = Plugin(
    slug="s3",
    name="Amazon S3",
    aliases=("AWS S3", "AWS S3 (Actions)"),
    settings=Settings,
    endpoints=(
        BatchEndpoint(
            name="objects",
            credentials=wire.credentials,
            pack=wire.pack,
            judge=wire.judge,
            are_bodies_opaque=True,
            max_events=MAX_BATCH,
            max_bytes=wire.MAX_BYTES,
            batch_size=wire.batch_size,
            batch_wait_s=wire.BATCH_WAIT_S,
            rate_limit_per_s=wire.RATE_LIMIT_PER_S,
        ),
    ),
    actions=tuple(
        Action(name=f"archive {call}", on=(call,), endpoint="objects", table=WHOLE_EVENT, build=mapping.build_event)
        for call in EVENT_TYPES
    ),
    sandbox="plugins.s3.sandbox:S3Sandbox",
    sandbox_settings={
        "bucket": "sandbox-bucket",
        "region": "us-east-1",
        "access_key_id": "SANDBOXACCESSKEY",
        "secret_access_key": "sandbox-secret-access-key",
    },
    website="https://aws.amazon.com/s3/",
    credential_check=CredentialCheck(request=wire.check_credentials, endpoint="objects", is_good=wire.is_stored),
    historical=Harmless(),  # a file among files
)


@hookimpl
def router_plugins() -> Sequence[Plugin]:
    return [PLUGIN]
