-- The user of digest, where it is not that of our address of record; the only realm whose challenge is answered, where one is pinned.
ALTER TABLE carrier_accounts ADD COLUMN auth_user TEXT;
ALTER TABLE carrier_accounts ADD COLUMN realm TEXT;

-- Where requests go, where that is not where the Request-URI says.
ALTER TABLE carriers ADD COLUMN outbound_proxy TEXT;
