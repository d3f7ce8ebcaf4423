-- Incoming calls: where carriers call from besides their own addresses, and whom the To of a profile's incoming calls names.

ALTER TABLE carriers ADD COLUMN inbound_sources TEXT NOT NULL DEFAULT '[]';            -- JSON array of "address" or "address:port"
ALTER TABLE profiles ADD COLUMN incoming_to TEXT NOT NULL DEFAULT 'called_number';     -- or 'sip_username'
