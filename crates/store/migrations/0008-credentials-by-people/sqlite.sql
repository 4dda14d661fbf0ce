-- What a person answers for or uses is found without walking what there is.
CREATE INDEX credential_by_owner ON credential (owner_id) WHERE kind = 'secret';
CREATE INDEX credential_by_holder ON credential (holder_id) WHERE kind = 'secret';
