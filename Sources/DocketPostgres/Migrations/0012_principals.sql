-- Credentials for client certificates and JWTs, beside those for tokens.

-- token_hash stays NOT NULL: a collector of an earlier version reads it of every credential. Of other kinds it is random, and
-- nobody finds a token with it.
ALTER TABLE docket.credentials
    ADD COLUMN kind text COLLATE "C" NOT NULL DEFAULT 'token' CHECK (kind IN ('token', 'spiffe', 'subject', 'jwt')),
    ADD COLUMN issuer text COLLATE "C" CHECK (octet_length(issuer) BETWEEN 1 AND 512),
    ADD COLUMN subject text COLLATE "C" CHECK (octet_length(subject) BETWEEN 1 AND 2048),
    ADD CONSTRAINT credentials_issuer_of_kind CHECK ((kind = 'jwt') = (issuer IS NOT NULL)),
    ADD CONSTRAINT credentials_subject_of_kind CHECK ((kind <> 'token') = (subject IS NOT NULL));
COMMENT ON COLUMN docket.credentials.token_hash IS 'SHA-256 of the bearer token: 32 bytes; of other kinds 32 random bytes.';
COMMENT ON COLUMN docket.credentials.kind IS 'What a caller proves: token; spiffe or subject of a client certificate; jwt.';
COMMENT ON COLUMN docket.credentials.issuer IS 'The claim iss of a JWT.';
COMMENT ON COLUMN docket.credentials.subject IS 'The SPIFFE ID, the subject by RFC 4514, or the claim sub.';

-- Who proves one of these is one principal. What has been revoked may be let in again.
CREATE UNIQUE INDEX credentials_identity ON docket.credentials (subject, kind, issuer) NULLS NOT DISTINCT
    WHERE kind <> 'token' AND revoked_at IS NULL;
