"""What Meta wants to know of the app and the device of an app event: ``app_data``.

Source: developers.facebook.com/documentation/ads-commerce/conversions-api/parameters/app-data (read 2026-11-26).
"""

from __future__ import annotations

from typing import Any, Final

from router.plugin import Document, Event, Field, Skip, convert

_VERSIONS: Final = {"ios": "i2", "android": "a2"}
_EXTINFO: Final = (
    "version",
    "package",
    "short_version",
    "long_version",
    "os_version",
    "model",
    "locale",
    "timezone_abbreviation",
    "carrier",
    "width",
    "height",
    "density",
    "cpu_cores",
    "storage_gb",
    "free_storage_gb",
    "timezone",
)
"""``extinfo``: sixteen texts in this order, empty where nothing is known."""


def to_version(value: Any) -> str:
    """``i2`` for iOS, ``a2`` for Android."""
    return _VERSIONS[convert.to_app_platform(value)]


def to_flag(value: Any) -> int:
    """1 or 0."""
    return int(convert.to_boolean(value))


APP_ROWS: Final = (
    Field(
        ("context.device.type", "context.os.name"), "app.version", to_version, note="app events only, as all `app.…`"
    ),
    Field("context.app.namespace", "app.package", convert.to_text),
    Field("context.app.version", "app.short_version", convert.to_text),
    Field("context.app.build", "app.long_version", convert.to_text),
    Field("context.os.version", "app.os_version", convert.to_text),
    Field("context.device.model", "app.model", convert.to_text),
    Field("context.locale", "app.locale", convert.to_text),
    Field("context.network.carrier", "app.carrier", convert.to_text),
    Field("context.screen.width", "app.width", convert.to_text),
    Field("context.screen.height", "app.height", convert.to_text),
    Field("context.screen.density", "app.density", convert.to_text),
    Field("context.timezone", "app.timezone", convert.to_text),
    Field("context.device.adTrackingEnabled", "app.tracking", to_flag, note="without it tracking counts as refused"),
    Field(
        ("context.device.advertisingId", "context.madid"),
        "app.madid",
        convert.to_advertising_id,
        note="not where tracking is refused in so many words",
    ),
)


def is_app(event: Event, fields: Document) -> bool:
    """Whether an event that does not say where it happened did so in an app: not in the browser of a phone."""
    return event.type == "screen" or ("version" in fields.get("app", {}) and event.channel != "browser")


def build_app_data(app: Document) -> Document | Skip:
    """``app_data`` from what `APP_ROWS` gave."""
    missing = [name for name in ("version", "os_version") if name not in app]
    if missing:
        told = {"version": "context.device.type (ios or android)", "os_version": "context.os.version"}
        return Skip(f"an app event needs {' and '.join(told[name] for name in missing)}; or set action_source")
    tracking = app.get("tracking", 0)
    return {
        "advertiser_tracking_enabled": tracking,
        "application_tracking_enabled": tracking,
        "extinfo": [app.get(name, "") for name in _EXTINFO],
    }
