-- Fax over T.38: whether it passes a trunk.

ALTER TABLE profiles ADD COLUMN t38 TEXT NOT NULL DEFAULT 'relay';                -- or 'refuse'
ALTER TABLE carriers ADD COLUMN t38 TEXT NOT NULL DEFAULT 'relay';                -- likewise
