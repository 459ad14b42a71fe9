"""The schema of a state's file: its tables, and how an older file becomes a current one."""

from __future__ import annotations

import sqlite3

from router.delivery.cause import cause_of
from router.delivery.state.outcome_table import SCHEMA as OUTCOMES_SCHEMA
from router.delivery.state.replay_table import SCHEMA as REPLAYS_SCHEMA

SCHEMA_VERSION = 5

_FIRST = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE positions (partition INTEGER PRIMARY KEY, start INTEGER NOT NULL, position INTEGER NOT NULL);
CREATE TABLE outcomes (
    partition INTEGER, sequence INTEGER, kind TEXT NOT NULL, reason TEXT NOT NULL, at_s REAL NOT NULL,
    PRIMARY KEY (partition, sequence)) WITHOUT ROWID;
CREATE TABLE tries (
    partition INTEGER, sequence INTEGER, first_s REAL NOT NULL, attempts INTEGER NOT NULL,
    PRIMARY KEY (partition, sequence)) WITHOUT ROWID;
CREATE TABLE parked (
    partition INTEGER, sequence INTEGER, user_key TEXT NOT NULL, source TEXT NOT NULL, message_id TEXT NOT NULL,
    type TEXT NOT NULL, received_at_s REAL NOT NULL, event BLOB NOT NULL, reason TEXT NOT NULL,
    PRIMARY KEY (partition, sequence)) WITHOUT ROWID;
CREATE INDEX parked_by_user ON parked (user_key, sequence);
CREATE TABLE parked_users (user_key TEXT PRIMARY KEY, next_s REAL NOT NULL, attempts INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE dead_letters (
    id INTEGER PRIMARY KEY AUTOINCREMENT, partition INTEGER NOT NULL, sequence INTEGER NOT NULL, events INTEGER NOT NULL,
    source TEXT NOT NULL, message_id TEXT NOT NULL, user_key TEXT NOT NULL, type TEXT NOT NULL,
    received_at_s REAL NOT NULL, event BLOB NOT NULL, reason TEXT NOT NULL, settled TEXT NOT NULL,
    attempts INTEGER NOT NULL, died_s REAL NOT NULL);
CREATE INDEX dead_letters_by_message ON dead_letters (message_id);
CREATE TABLE counts (name TEXT, reason TEXT, count INTEGER NOT NULL, PRIMARY KEY (name, reason)) WITHOUT ROWID;
CREATE TABLE jobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, spec TEXT NOT NULL, cursor INTEGER NOT NULL,
    total INTEGER NOT NULL, counts TEXT NOT NULL, state TEXT NOT NULL, made_s REAL NOT NULL);
"""
"""Version 1, but for its notes of settled payloads."""

UPGRADES = {
    # Version 1 noted the places of settled payloads. Nothing is known by those any more (see `router.payload_key`), and the
    # first routers of 0.1.0 had a table without `refused`. Its replays send events as new ones: there was nothing else.
    2: """
DROP TABLE IF EXISTS settled_payloads;
CREATE TABLE settled_payloads (
    partition INTEGER, sequence INTEGER, key TEXT, refused TEXT NOT NULL,
    PRIMARY KEY (partition, sequence, key)) WITHOUT ROWID;
ALTER TABLE dead_letters ADD COLUMN cause TEXT NOT NULL DEFAULT '';
ALTER TABLE dead_letters ADD COLUMN job INTEGER NOT NULL DEFAULT 0;
ALTER TABLE dead_letters ADD COLUMN replayed INTEGER NOT NULL DEFAULT 0;
UPDATE dead_letters SET cause = cause_of(reason, message_id, user_key);
CREATE INDEX dead_letters_by_cause ON dead_letters (cause, id, events, died_s);
CREATE INDEX dead_letters_by_place ON dead_letters (partition, sequence);
ALTER TABLE jobs ADD COLUMN reasons TEXT NOT NULL DEFAULT '{}';
UPDATE jobs SET spec = json_set(spec, '$.is_historical', json('false')) WHERE kind = 'replay';
CREATE TABLE replays (
    partition INTEGER, sequence INTEGER, job INTEGER NOT NULL, kind TEXT NOT NULL, reason TEXT NOT NULL, at_s REAL NOT NULL,
    PRIMARY KEY (partition, sequence)) WITHOUT ROWID;
""",
    3: f"""
ALTER TABLE outcomes RENAME TO single_outcomes;
{OUTCOMES_SCHEMA}
INSERT INTO outcomes (partition, first, last, offsets, kind, reason, at_s)
    SELECT partition, sequence, sequence, x'', kind, reason, at_s FROM single_outcomes;
DROP TABLE single_outcomes;
""",
    4: f"""
ALTER TABLE replays RENAME TO single_replays;
{REPLAYS_SCHEMA}
INSERT INTO replays (partition, first, last, offsets, job, kind, reason, at_s)
    SELECT partition, sequence, sequence, x'', job, kind, reason, at_s FROM single_replays;
DROP TABLE single_replays;
DROP INDEX dead_letters_by_message;
""",
    5: """
ALTER TABLE settled_payloads ADD COLUMN job INTEGER NOT NULL DEFAULT 0;
""",
}
"""The scripts that bring a file to each schema version from the one before."""


def upgrade(connection: sqlite3.Connection, version: int) -> None:
    """Bring a file of *version* up to date; 0: an empty one. Within a transaction of the caller's."""
    connection.create_function("cause_of", 3, lambda reason, *ids: cause_of(reason, ids), deterministic=True)
    if version == 0:
        _run(connection, _FIRST)
    for number in range(max(version, 1) + 1, SCHEMA_VERSION + 1):
        _run(connection, UPGRADES[number])
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def _run(connection: sqlite3.Connection, script: str) -> None:
    for statement in script.split(";"):
        connection.execute(statement)
