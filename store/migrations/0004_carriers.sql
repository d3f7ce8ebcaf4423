-- Several carriers for a route: shares, limits, the form of numbers, health, and what each asks for its calls.

ALTER TABLE carriers ADD COLUMN weight INTEGER NOT NULL DEFAULT 0;                     -- share among equal priorities (RFC 2782)
ALTER TABLE carriers ADD COLUMN channels INTEGER;                                      -- NULL: no limit
ALTER TABLE carriers ADD COLUMN calls_per_second INTEGER;                              -- NULL: no limit
ALTER TABLE carriers ADD COLUMN number_format TEXT NOT NULL DEFAULT 'plus';
ALTER TABLE carriers ADD COLUMN response_timeout_s INTEGER;                            -- NULL: the setting's
ALTER TABLE carriers ADD COLUMN options_interval_s INTEGER;                            -- NULL: the setting's; 0: never
ALTER TABLE carriers ADD COLUMN buy_deck TEXT;                                         -- a deck's name; NULL: its prices are not known
