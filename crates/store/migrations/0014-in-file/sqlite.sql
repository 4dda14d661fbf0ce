-- At its start a house asks whether any body is to be in a file, and reads no table for that.
CREATE INDEX message_in_file ON message (account_id) WHERE blob_place = 1;
