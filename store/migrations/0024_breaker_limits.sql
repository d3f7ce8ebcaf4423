-- When the breaker of a company opens, where it is not when the settings say: in millionths of its currency; null for what is not looked at.
CREATE TABLE breaker_limits (
    company TEXT PRIMARY KEY REFERENCES companies (id) ON DELETE CASCADE,
    per_minute INTEGER,
    per_hour INTEGER,
    times_usual INTEGER,
    usual_from INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
