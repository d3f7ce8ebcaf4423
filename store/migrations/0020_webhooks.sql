-- Whom events are delivered to. No configuration: they leave its version as it is.
CREATE TABLE webhooks (
  id               TEXT PRIMARY KEY,
  company          TEXT REFERENCES companies (id),       -- none for the house's own
  url              TEXT NOT NULL,
  topics           TEXT NOT NULL,                        -- a JSON array of names
  secret           BLOB NOT NULL,                        -- sealed
  former_secret    BLOB,                                 -- sealed; signs beside the other until former_until_us
  former_until_us  INTEGER,
  enabled          INTEGER NOT NULL,
  because          TEXT,                                 -- why it was switched off, where nobody did it
  failing_since_us INTEGER,                              -- the first failure since the last success
  created_us       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What is to be delivered, and the log of what was.
CREATE TABLE webhook_deliveries (
  id         INTEGER PRIMARY KEY,
  webhook    TEXT NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
  event      TEXT NOT NULL,
  topic      TEXT NOT NULL,
  body       TEXT NOT NULL,
  state      TEXT NOT NULL,                              -- waiting, delivered, dropped
  attempts   INTEGER NOT NULL,
  due_us     INTEGER NOT NULL,                           -- of one that is being delivered: when it is taken for lost
  status     INTEGER,                                    -- HTTP, of the last attempt
  because    TEXT,                                       -- of the last failure
  created_us INTEGER NOT NULL,
  ended_us   INTEGER
) STRICT;
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (due_us) WHERE state = 'waiting';
CREATE INDEX webhook_deliveries_by_webhook ON webhook_deliveries (webhook, id);
CREATE INDEX webhook_deliveries_ended ON webhook_deliveries (ended_us) WHERE ended_us IS NOT NULL;
