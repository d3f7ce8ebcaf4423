-- When callers are warned before their credit ends: seconds with commas between them, the longest first; null for the node's settings.
ALTER TABLE profiles ADD COLUMN warn_before TEXT;
