-- Breakers that are open: whose (a company's identity, or a currency for the house), since when and why, and who keeps them so.
CREATE TABLE breakers (
    circuit TEXT PRIMARY KEY,
    opened_us INTEGER NOT NULL,
    because TEXT NOT NULL,
    kept_by TEXT
) STRICT, WITHOUT ROWID;
