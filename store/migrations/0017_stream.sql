-- When callers are warned before their credit ends: seconds with commas between them, the longest first; null for the node's settings.
ALTER TABLE profiles ADD COLUMN warn_before TEXT;
-- What a call may cost at most, in millionths: a minute, and altogether; null for no bound.
ALTER TABLE profiles ADD COLUMN max_rate INTEGER;
ALTER TABLE profiles ADD COLUMN max_call_cost INTEGER;
