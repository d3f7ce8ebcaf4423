-- Several carriers for a route: shares, limits, the form of numbers, health, and what each asks for its calls.

ALTER TABLE carriers ADD COLUMN weight INTEGER NOT NULL DEFAULT 0;                     -- share among equal priorities (RFC 2782)
ALTER TABLE carriers ADD COLUMN channels INTEGER;                                      -- NULL: no limit
ALTER TABLE carriers ADD COLUMN calls_per_second INTEGER;                              -- NULL: no limit
ALTER TABLE carriers ADD COLUMN number_format TEXT NOT NULL DEFAULT 'plus';
ALTER TABLE carriers ADD COLUMN response_timeout_s INTEGER;                            -- NULL: the setting's
ALTER TABLE carriers ADD COLUMN options_interval_s INTEGER;                            -- NULL: the setting's; 0: never
-- How many channels a profile may have is a setting now (limits.channels_per_profile): the check only keeps nonsense out. A check is
-- changed so because nothing on disk changes with it (SQLite, "Making other kinds of table schema changes").
PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = replace(sql, 'channels BETWEEN 0 AND 300', 'channels BETWEEN 0 AND 10000')
  WHERE type = 'table' AND name = 'profiles';
PRAGMA writable_schema = RESET;

-- Records leave in the order in which they came.
CREATE INDEX call_records_by_sequence ON call_records (journal_sequence);
ALTER TABLE carriers ADD COLUMN buy_deck TEXT;                                         -- a deck's name; NULL: its prices are not known
