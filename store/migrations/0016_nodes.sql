-- The nodes that share this store, and a Redis. A node's journal is the record of what it has posted, so its row stays for ever.
CREATE TABLE house (id TEXT NOT NULL) STRICT;
INSERT INTO house VALUES (lower(hex(randomblob(16))));

CREATE TABLE nodes (
  id            TEXT PRIMARY KEY,                         -- its journal's
  name          TEXT NOT NULL UNIQUE,
  journal       TEXT NOT NULL,                            -- the file's path
  first_seen_us INTEGER NOT NULL,
  retired_us    INTEGER
) STRICT;

-- Where a node has, or is about to have, a part in what a company has.
CREATE TABLE node_parts (
  company TEXT NOT NULL,
  node    TEXT NOT NULL REFERENCES nodes (id),
  PRIMARY KEY (company, node)
) STRICT, WITHOUT ROWID;
CREATE INDEX node_parts_by_node ON node_parts (node);
