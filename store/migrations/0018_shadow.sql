-- Which version of a deck is the shadow of another deck's name, from when on; none ends it. Rows are never changed or removed: a report of any
-- period finds for each call the shadow that it had when it began.
CREATE TABLE deck_shadows (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  of_name    TEXT NOT NULL,
  shadow     INTEGER REFERENCES decks (id),
  from_us    INTEGER NOT NULL,
  ordered_by TEXT NOT NULL
) STRICT;
CREATE INDEX deck_shadows_by_shadow ON deck_shadows (shadow);
