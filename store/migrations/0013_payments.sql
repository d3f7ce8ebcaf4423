-- What companies agreed to be recharged with by payments (A3). A row says that it is on.
CREATE TABLE company_recharges (
  company   TEXT PRIMARY KEY REFERENCES companies (id),
  amount    INTEGER NOT NULL,
  threshold INTEGER NOT NULL,
  day_max   INTEGER NOT NULL,
  month_max INTEGER NOT NULL,
  method    TEXT,                                        -- by what the provider knows the card; never its number
  set_us    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Each is written down before its provider hears of it. No foreign key: it outlives what it speaks of.
CREATE TABLE payments (
  id         TEXT PRIMARY KEY,
  company    TEXT NOT NULL,
  currency   TEXT NOT NULL,
  amount     INTEGER NOT NULL,
  automatic  INTEGER NOT NULL,
  method     TEXT,
  provider   TEXT NOT NULL,
  state      TEXT NOT NULL,
  reference  TEXT,
  attempts   INTEGER NOT NULL,
  because    TEXT,
  opened_us  INTEGER NOT NULL,
  changed_us INTEGER NOT NULL
) STRICT;
CREATE INDEX payments_by_company ON payments (company, opened_us);
CREATE INDEX payments_open ON payments (state) WHERE state IN ('opened', 'pending', 'paid');

-- Notices of the provider that were taken, so that none is taken twice; forgotten when they would be too old anyway.
CREATE TABLE payment_notices (
  id    TEXT PRIMARY KEY,
  at_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
