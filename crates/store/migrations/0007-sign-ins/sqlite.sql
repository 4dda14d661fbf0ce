-- Sign-ins are found without reading the rest of the trail: all, those of an account, and those
-- of a credential, whose number an accepted and a failed one carry.
CREATE INDEX audit_sign_ins ON audit (id) WHERE action IN ('sign-in.accepted', 'sign-in.failed');
CREATE INDEX audit_sign_ins_by_account ON audit (account_id, id) WHERE action IN ('sign-in.accepted', 'sign-in.failed');
CREATE INDEX audit_sign_ins_by_credential ON audit (actor_id, id)
    WHERE action IN ('sign-in.accepted', 'sign-in.failed') AND actor_kind IN ('credential', 'stranger');
-- Which keys machine secrets rest on (docs/decisions/0025-keys-outside-the-database.md).
CREATE INDEX credential_by_key ON credential (key_id, state) WHERE kind = 'secret';
