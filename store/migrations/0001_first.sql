-- Identities, numbers, prefixes and currencies are texts as the switch prints them; times are microseconds of UTC since 1970;
-- money is in micros of the currency that stands beside it; prices of decks are decimal texts, exactly as they were imported.

CREATE TABLE meta (
  name  TEXT PRIMARY KEY,
  value ANY NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO meta VALUES ('config_version', 1), ('drained_to', 0), ('sip_user_counter', 0);

CREATE TABLE companies (
  id         TEXT PRIMARY KEY,
  name       TEXT NOT NULL,
  country    TEXT NOT NULL,
  currency   TEXT NOT NULL,
  timezone   TEXT NOT NULL,
  suspended  INTEGER NOT NULL,
  deck       TEXT,                                      -- a deck's name; NULL: the first in force in its currency
  created_us INTEGER NOT NULL
) STRICT;

CREATE TABLE profiles (
  id                 TEXT PRIMARY KEY,
  company            TEXT NOT NULL REFERENCES companies (id),
  name               TEXT NOT NULL,
  sip_user           TEXT NOT NULL UNIQUE,
  state              TEXT NOT NULL,
  channels           INTEGER NOT NULL CHECK (channels BETWEEN 0 AND 300),
  registration       INTEGER NOT NULL,
  sources            TEXT NOT NULL,                     -- JSON array of "address:port"
  caller_id          TEXT,
  recharge_amount    INTEGER,
  recharge_threshold INTEGER,
  require_plus       INTEGER NOT NULL,
  created_us         INTEGER NOT NULL,
  ha1_md5            BLOB NOT NULL,
  ha1_sha256         BLOB NOT NULL,
  sealed_password    BLOB NOT NULL,
  UNIQUE (id, company),
  CHECK ((recharge_amount IS NULL) = (recharge_threshold IS NULL))
) STRICT;
CREATE INDEX profiles_by_company ON profiles (company);

CREATE TABLE numbers (
  id         TEXT PRIMARY KEY,
  e164       TEXT NOT NULL UNIQUE,
  company    TEXT NOT NULL REFERENCES companies (id),
  profile    TEXT,
  caller_id_allowed INTEGER NOT NULL,
  created_us INTEGER NOT NULL,
  FOREIGN KEY (profile, company) REFERENCES profiles (id, company)
) STRICT;
CREATE INDEX numbers_by_company ON numbers (company);
CREATE INDEX numbers_by_profile ON numbers (profile, company);

CREATE TABLE carriers (
  id                 TEXT PRIMARY KEY,
  name               TEXT NOT NULL UNIQUE,
  addresses          TEXT NOT NULL,                     -- JSON array of "host:port"
  transport          TEXT NOT NULL,
  priority           INTEGER NOT NULL,
  prefixes           TEXT NOT NULL,                     -- JSON array; empty serves everything
  progress_timeout_s INTEGER,                            -- NULL: the setting's
  failover           TEXT NOT NULL,                     -- JSON object: SIP status to "next" or "stop"
  enabled            INTEGER NOT NULL,
  created_us         INTEGER NOT NULL
) STRICT;

CREATE TABLE decks (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  name       TEXT NOT NULL,
  currency   TEXT NOT NULL,
  version    INTEGER NOT NULL,
  active     INTEGER NOT NULL,
  row_count  INTEGER NOT NULL,
  created_us INTEGER NOT NULL,
  UNIQUE (name, version)
) STRICT;
CREATE UNIQUE INDEX one_active_version ON decks (name) WHERE active = 1;

CREATE TABLE deck_rows (
  deck        INTEGER NOT NULL REFERENCES decks (id) ON DELETE CASCADE,
  prefix      TEXT NOT NULL,
  destination TEXT NOT NULL,
  rate        TEXT NOT NULL,
  fee         TEXT NOT NULL,
  minimum_s   INTEGER NOT NULL,
  increment_s INTEGER NOT NULL,
  rounding    TEXT NOT NULL,
  PRIMARY KEY (deck, prefix)
) STRICT, WITHOUT ROWID;

CREATE TABLE api_tokens (
  id           INTEGER PRIMARY KEY AUTOINCREMENT,
  name         TEXT NOT NULL,
  sha256       BLOB NOT NULL UNIQUE,
  company      TEXT REFERENCES companies (id),          -- NULL: an operator's token
  created_us   INTEGER NOT NULL,
  last_used_us INTEGER,
  revoked_us   INTEGER
) STRICT;

CREATE TABLE api_answers (
  token          INTEGER NOT NULL REFERENCES api_tokens (id),
  key            TEXT NOT NULL,
  request_sha256 BLOB NOT NULL,
  status         INTEGER NOT NULL,
  body           TEXT NOT NULL,
  at_us          INTEGER NOT NULL,
  PRIMARY KEY (token, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX api_answers_by_age ON api_answers (at_us);

-- No foreign keys here: a record outlives what it speaks of.
CREATE TABLE call_records (
  id               TEXT PRIMARY KEY,
  company          TEXT NOT NULL,
  profile          TEXT NOT NULL,
  invited_us       INTEGER NOT NULL,
  answered         INTEGER NOT NULL,
  cause            TEXT NOT NULL,
  currency         TEXT NOT NULL,
  amount           INTEGER NOT NULL,
  journal_sequence INTEGER NOT NULL,
  record           TEXT NOT NULL                        -- the whole record as JSON, version inside
) STRICT;
CREATE INDEX call_records_by_time ON call_records (invited_us, id);
CREATE INDEX call_records_by_company ON call_records (company, invited_us, id);
CREATE INDEX call_records_by_profile ON call_records (profile, invited_us, id);

CREATE TABLE call_legs (
  sip_call_id TEXT NOT NULL,
  call        TEXT NOT NULL REFERENCES call_records (id) ON DELETE CASCADE,
  PRIMARY KEY (sip_call_id, call)
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
  id      INTEGER PRIMARY KEY AUTOINCREMENT,
  at_us   INTEGER NOT NULL,
  by      TEXT NOT NULL,
  action  TEXT NOT NULL,
  subject TEXT NOT NULL,
  details TEXT NOT NULL
) STRICT;
CREATE INDEX audit_by_subject ON audit (subject, id);
