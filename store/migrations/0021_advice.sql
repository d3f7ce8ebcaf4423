-- Whether a profile's PBX is told in SIP what its calls cost (3GPP TS 24.647): off, end, during.
ALTER TABLE profiles ADD COLUMN advice TEXT NOT NULL DEFAULT 'off';
