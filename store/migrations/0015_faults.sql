-- What a profile's calls do while the ledger cannot answer (RFC 8506 5.7): 'terminate', 'retry', or 'continue SECONDS RISK'.
ALTER TABLE profiles ADD COLUMN credit_failure TEXT NOT NULL DEFAULT 'retry';
