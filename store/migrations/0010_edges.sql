-- Whom a name in a verified client certificate proves (RFC 5922 7.1): JSON arrays of domains in lower case.
ALTER TABLE profiles ADD COLUMN certificates TEXT NOT NULL DEFAULT '[]';
ALTER TABLE carriers ADD COLUMN certificates TEXT NOT NULL DEFAULT '[]';
