-- How keys reach a trunk: 'auto' (in its sound where it offers telephone-event, otherwise by INFO), 'rfc4733' or 'info'.

ALTER TABLE profiles ADD COLUMN dtmf TEXT NOT NULL DEFAULT 'auto';
ALTER TABLE carriers ADD COLUMN dtmf TEXT NOT NULL DEFAULT 'auto';
