-- Rules against fraud of a profile (domain/src/fraud.rs writes them); whether its daily cap is the one that it was made with, which the
-- first credit raises; since when and why it is stopped; when it was released last, and by whom.
ALTER TABLE profiles ADD COLUMN fraud_rules TEXT NOT NULL DEFAULT '';
ALTER TABLE profiles ADD COLUMN daily_cap_follows INTEGER NOT NULL DEFAULT 0;
ALTER TABLE profiles ADD COLUMN suspended_us INTEGER;
ALTER TABLE profiles ADD COLUMN suspended_by TEXT;
ALTER TABLE profiles ADD COLUMN suspended_because TEXT;
ALTER TABLE profiles ADD COLUMN released_us INTEGER;
ALTER TABLE profiles ADD COLUMN released_by TEXT;
-- What was seen of a profile before: countries that it called (+372), networks that it was used from (192.0.2.0/24).
CREATE TABLE acquaintances (
    profile TEXT NOT NULL REFERENCES profiles (id) ON DELETE CASCADE,
    kind TEXT NOT NULL CHECK (kind IN ('destination', 'network')),
    what TEXT NOT NULL,
    seen_us INTEGER NOT NULL,
    PRIMARY KEY (profile, kind, what)
) STRICT, WITHOUT ROWID;
