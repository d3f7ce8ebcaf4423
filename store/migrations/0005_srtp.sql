-- Secure media: how much of it a trunk wants, and the networks that a carrier's sound may come from.

ALTER TABLE profiles ADD COLUMN srtp TEXT NOT NULL DEFAULT 'off';                 -- or 'preferred', 'required'
ALTER TABLE carriers ADD COLUMN srtp TEXT NOT NULL DEFAULT 'off';                 -- likewise
ALTER TABLE carriers ADD COLUMN media_networks TEXT NOT NULL DEFAULT '[]';        -- JSON array of "address" or "address/bits"
