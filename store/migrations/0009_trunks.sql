-- Who we are to carriers that ask (digest), and to those that want us to register.

CREATE TABLE carrier_accounts (
  carrier         TEXT PRIMARY KEY REFERENCES carriers (id) ON DELETE CASCADE,
  user            TEXT NOT NULL,
  sealed_password BLOB NOT NULL,
  register        INTEGER NOT NULL,                     -- 1: we register there
  expires_s       INTEGER NOT NULL,                     -- for so long, where it grants as much
  version         INTEGER NOT NULL                      -- one more with each change
) STRICT;

-- What becomes of its 3xx: 'refuse' or 'follow', and to which networks besides its own addresses (JSON array).
ALTER TABLE carriers ADD COLUMN redirects TEXT NOT NULL DEFAULT 'refuse';
ALTER TABLE carriers ADD COLUMN redirect_networks TEXT NOT NULL DEFAULT '[]';
