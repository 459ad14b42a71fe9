"""Makes rules from what the config says about a destination's actions, consent and privacy. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from router.actions import (
    ActionRule,
    Allow,
    Change,
    Constant,
    Drop,
    DropCustom,
    Expression,
    Fill,
    Hash,
    Match,
    Path,
    Rename,
    Template,
    Trigger,
    canonical,
    read_path,
)
from router.config import Action as ActionConfig
from router.config import Change as ChangeConfig
from router.config import Consent as ConsentConfig
from router.config import FieldNames
from router.config import Trigger as TriggerConfig
from router.config.field import to_name
from router.consent import Consent
from router.privacy import Names, Privacy


def to_rule(config: ActionConfig) -> ActionRule:
    changes = (to_change(change) for change in config.mapping)
    return ActionRule(config.enabled, to_trigger(config), tuple(change for change in changes if change is not None))


def to_trigger(config: TriggerConfig) -> Trigger:
    return Trigger(
        on=config.on,
        where=tuple(
            (read_path(field), Match(match.any_of, match.none_of, match.present))
            for field, match in config.where.items()
        ),
        when=Expression(config.when) if config.when is not None else None,
    )


def to_change(config: ChangeConfig) -> Change | None:
    """A change; None for ``custom: true``, which is the default anyway."""
    if config.rename is not None:
        return Rename({read_path(source): read_path(to) for source, to in config.rename.items()})
    if config.drop is not None:
        return Drop(tuple(map(read_path, config.drop)))
    if config.hashed is not None:
        return Hash(tuple(map(read_path, config.hashed)))
    if config.constants is not None:
        return Constant({read_path(field): value for field, value in config.constants.items()})
    if config.template is not None:
        return Fill({read_path(field): Template(text) for field, text in config.template.items()})
    if config.allow is not None:
        kept = config.allow
        return Allow(
            _to_kept("traits", kept.traits), _to_kept("properties", kept.properties), _to_kept("context", kept.context)
        )
    return None if config.custom else DropCustom()


def _to_kept(root: str, names: Sequence[str] | None) -> tuple[Path, ...] | None:
    """Names to keep, reserved traits in their canonical spelling."""
    return None if names is None else tuple(canonical((root, *to_name(name)))[1:] for name in names)


def to_consent(config: ConsentConfig | None) -> Consent | None:
    return Consent(config.categories, config.when_absent == "send") if config else None


def to_privacy(block: FieldNames | None, hashed: FieldNames | None) -> Privacy | None:
    if block is None and hashed is None:
        return None
    return Privacy(_to_names(block), _to_names(hashed))


def _to_names(config: FieldNames | None) -> Names:
    if config is None:
        return Names()
    lists = (config.traits, config.properties, config.context)
    return Names(*(tuple(map(to_name, names or ())) for names in lists))
