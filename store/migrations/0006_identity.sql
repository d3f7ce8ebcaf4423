-- Identity: business accounts, landlines that may be shown, and how trunks are spoken to. The two documents are JSON; who has no row
-- has the usual manners.

CREATE TABLE business_accounts (
  id         TEXT PRIMARY KEY,
  company    TEXT NOT NULL REFERENCES companies (id),
  name       TEXT NOT NULL,
  profile    TEXT,                                      -- at most one (W2)
  extension  TEXT,
  created_us INTEGER NOT NULL,
  UNIQUE (company, name),
  UNIQUE (id, company),
  FOREIGN KEY (profile, company) REFERENCES profiles (id, company)
) STRICT;
CREATE INDEX business_accounts_by_profile ON business_accounts (profile, company);

-- A number rings at its profile, or at the profile of its account.
ALTER TABLE numbers ADD COLUMN account TEXT REFERENCES business_accounts (id);
CREATE INDEX numbers_by_account ON numbers (account);

CREATE TABLE verifications (
  company TEXT PRIMARY KEY REFERENCES companies (id),
  state   TEXT NOT NULL                                 -- pending, verified, rejected; no row: none
) STRICT;

CREATE TABLE landlines (
  id         TEXT PRIMARY KEY,
  company    TEXT NOT NULL REFERENCES companies (id),
  e164       TEXT NOT NULL,
  state      TEXT NOT NULL,                             -- pending, verified, locked, vouched
  pin        TEXT,
  pin_until_us INTEGER,
  tries      INTEGER NOT NULL,
  created_us INTEGER NOT NULL,
  UNIQUE (company, e164)
) STRICT;

CREATE TABLE profile_manners (
  profile TEXT PRIMARY KEY REFERENCES profiles (id) ON DELETE CASCADE,
  manners TEXT NOT NULL
) STRICT;

CREATE TABLE carrier_manners (
  carrier TEXT PRIMARY KEY REFERENCES carriers (id) ON DELETE CASCADE,
  manners TEXT NOT NULL
) STRICT;

-- What operators have let profiles show without it being a number of the company, they answer for.
INSERT INTO landlines (id, company, e164, state, pin, pin_until_us, tries, created_us)
  SELECT 'land_' || lower(hex(randomblob(16))), company, caller_id, 'vouched', NULL, NULL, 0, min(created_us)
  FROM profiles
  WHERE caller_id IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM numbers WHERE numbers.e164 = profiles.caller_id AND numbers.company = profiles.company)
  GROUP BY company, caller_id;
