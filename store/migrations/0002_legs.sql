-- A record is never removed, so its legs need no foreign key: it cost a search for each leg of each call.
CREATE TABLE legs (
  sip_call_id TEXT NOT NULL,
  call        TEXT NOT NULL,                            -- call_records.id
  PRIMARY KEY (sip_call_id, call)
) STRICT, WITHOUT ROWID;
INSERT INTO legs SELECT sip_call_id, call FROM call_legs;
DROP TABLE call_legs;
ALTER TABLE legs RENAME TO call_legs;
