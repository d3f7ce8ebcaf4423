-- What the nodes of the house sign the routes with on which calls pass from one to another.
ALTER TABLE house ADD COLUMN route_key BLOB;
UPDATE house SET route_key = randomblob(32);
