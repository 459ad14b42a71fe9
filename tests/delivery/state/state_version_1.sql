-- What a router of version 0.1.0 wrote: `sqlite3 crm.sqlite .dump`.
BEGIN TRANSACTION;
CREATE TABLE counts (name TEXT, reason TEXT, count INTEGER NOT NULL, PRIMARY KEY (name, reason)) WITHOUT ROWID;
INSERT INTO "counts" VALUES('dead','',3);
INSERT INTO "counts" VALUES('delivered','',4);
CREATE TABLE dead_letters (
    id INTEGER PRIMARY KEY AUTOINCREMENT, partition INTEGER NOT NULL, sequence INTEGER NOT NULL, events INTEGER NOT NULL,
    source TEXT NOT NULL, message_id TEXT NOT NULL, user_key TEXT NOT NULL, type TEXT NOT NULL,
    received_at_s REAL NOT NULL, event BLOB NOT NULL, reason TEXT NOT NULL, settled TEXT NOT NULL,
    attempts INTEGER NOT NULL, died_s REAL NOT NULL);
INSERT INTO "dead_letters" VALUES(1,0,1,1,'website','m1','u1','track',1001.0,X'7B2274797065223A22747261636B227D','400 no user u-17','[]',1,2001.0);
INSERT INTO "dead_letters" VALUES(2,0,2,1,'website','m2','u1','track',1002.0,X'7B2274797065223A22747261636B227D','mapping: x','[]',1,2002.0);
INSERT INTO "dead_letters" VALUES(3,0,3,1,'website','m3','u1','track',1003.0,X'7B2274797065223A22747261636B227D','400 no user u-99','[]',1,2003.0);
CREATE TABLE jobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, spec TEXT NOT NULL, cursor INTEGER NOT NULL,
    total INTEGER NOT NULL, counts TEXT NOT NULL, state TEXT NOT NULL, made_s REAL NOT NULL);
INSERT INTO "jobs" VALUES(1,'replay','{"partition":0,"first":1,"last":9,"source":"website"}',3,9,'{"delivered":2}','running',1.0);
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
INSERT INTO "meta" VALUES('log_id','log-1');
CREATE TABLE outcomes (
    partition INTEGER, sequence INTEGER, kind TEXT NOT NULL, reason TEXT NOT NULL, at_s REAL NOT NULL,
    PRIMARY KEY (partition, sequence)) WITHOUT ROWID;
INSERT INTO "outcomes" VALUES(0,1,'dead','400 no user u-17',2001.0);
INSERT INTO "outcomes" VALUES(0,2,'dead','mapping: x',2002.0);
INSERT INTO "outcomes" VALUES(0,3,'dead','400 no user u-99',2003.0);
INSERT INTO "outcomes" VALUES(0,4,'delivered','',2004.0);
INSERT INTO "outcomes" VALUES(0,5,'delivered','',2004.0);
INSERT INTO "outcomes" VALUES(0,7,'delivered','',2004.0);
INSERT INTO "outcomes" VALUES(0,9,'delivered','',2005.0);
CREATE TABLE parked (
    partition INTEGER, sequence INTEGER, user_key TEXT NOT NULL, source TEXT NOT NULL, message_id TEXT NOT NULL,
    type TEXT NOT NULL, received_at_s REAL NOT NULL, event BLOB NOT NULL, reason TEXT NOT NULL,
    PRIMARY KEY (partition, sequence)) WITHOUT ROWID;
CREATE TABLE parked_users (user_key TEXT PRIMARY KEY, next_s REAL NOT NULL, attempts INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE positions (partition INTEGER PRIMARY KEY, start INTEGER NOT NULL, position INTEGER NOT NULL);
INSERT INTO "positions" VALUES(0,0,7);
CREATE TABLE settled_payloads (
    partition INTEGER, sequence INTEGER, key TEXT, refused TEXT NOT NULL,
    PRIMARY KEY (partition, sequence, key)) WITHOUT ROWID;
CREATE TABLE tries (
    partition INTEGER, sequence INTEGER, first_s REAL NOT NULL, attempts INTEGER NOT NULL,
    PRIMARY KEY (partition, sequence)) WITHOUT ROWID;
CREATE INDEX parked_by_user ON parked (user_key, sequence);
CREATE INDEX dead_letters_by_message ON dead_letters (message_id);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('dead_letters',3);
INSERT INTO "sqlite_sequence" VALUES('jobs',1);
COMMIT;
PRAGMA user_version = 1;
