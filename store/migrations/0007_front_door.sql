-- The front door: how many calls a second a PBX may place; none where the settings of the node say so.

ALTER TABLE profiles ADD COLUMN calls_per_second INTEGER;
