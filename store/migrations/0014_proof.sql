-- When which version of a deck is in force: of a name's versions the one whose turn began last, up to an instant. Turns that have begun are
-- never changed or removed: they say what calls were charged by.
CREATE TABLE deck_turns (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  deck       INTEGER NOT NULL REFERENCES decks (id) ON DELETE CASCADE,
  from_us    INTEGER NOT NULL,
  ordered_us INTEGER NOT NULL,
  ordered_by TEXT NOT NULL
) STRICT;
CREATE INDEX deck_turns_by_deck ON deck_turns (deck);

-- What was put in force so far stands in the audit; whatever is in force without such a row is since its import.
INSERT INTO deck_turns (deck, from_us, ordered_us, ordered_by)
  SELECT decks.id, audit.at_us, audit.at_us, audit.by FROM audit JOIN decks ON audit.subject = 'deck_' || decks.id
  WHERE audit.action = 'deck_activated' ORDER BY audit.id;
INSERT INTO deck_turns (deck, from_us, ordered_us, ordered_by)
  SELECT id, created_us, created_us, '' FROM decks
  WHERE active = 1 AND id NOT IN (SELECT deck FROM deck_turns);
DROP INDEX one_active_version;
ALTER TABLE decks DROP COLUMN active;

ALTER TABLE decks ADD COLUMN imported_by TEXT NOT NULL DEFAULT '';
-- SHA-256 over name, currency and rows (`deck::content`), 64 digits; what was imported before has it from the first opening on.
ALTER TABLE decks ADD COLUMN content TEXT;
-- Decimal places that a whole call is rounded to (R6).
ALTER TABLE deck_rows ADD COLUMN scale INTEGER NOT NULL DEFAULT 2;
