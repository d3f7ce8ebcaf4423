-- Whom a name in a verified client certificate proves (RFC 5922 7.1): JSON arrays of domains in lower case.
ALTER TABLE profiles ADD COLUMN certificates TEXT NOT NULL DEFAULT '[]';
ALTER TABLE carriers ADD COLUMN certificates TEXT NOT NULL DEFAULT '[]';

-- Where a PBX is called that is not registered: 'sip:pbx.example.com;transport=tls'. Empty: at the first of its source addresses.
ALTER TABLE profiles ADD COLUMN contact TEXT;
