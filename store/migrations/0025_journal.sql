-- Old rows of the nodes' journals, a segment of up to 65,536 of them in each row; what they say is the ledger's. Never changed or removed: for
-- rows that a journal no longer has, this is the record.
CREATE TABLE journal_segments (
  id         INTEGER PRIMARY KEY,
  journal    TEXT NOT NULL,                               -- its file's name, as in meta's drained_to
  first_row  INTEGER NOT NULL,
  last_row   INTEGER NOT NULL,
  from_us    INTEGER NOT NULL,
  until_us   INTEGER NOT NULL,
  newest     BLOB NOT NULL,                               -- 16 bytes
  end_sum    INTEGER NOT NULL,                            -- of the last row
  before_sum INTEGER NOT NULL,                            -- of the segment before it; 0 of the first
  sum        INTEGER NOT NULL,
  rows       BLOB NOT NULL,
  opening    BLOB,
  UNIQUE (journal, first_row)
) STRICT;
CREATE INDEX journal_cuts ON journal_segments (journal, last_row) WHERE opening IS NOT NULL;

-- Whom a segment has rows about. Most are calls, whose identities sort by birth: so nearly all of it is appended.
CREATE TABLE journal_subjects (
  subject   BLOB NOT NULL,                                -- 16 bytes
  segment   INTEGER NOT NULL REFERENCES journal_segments (id),
  lowest    INTEGER,                                      -- sequence of its own batches; null where there are none
  highest   INTEGER,
  by_others INTEGER NOT NULL,
  PRIMARY KEY (subject, segment)
) STRICT, WITHOUT ROWID;
