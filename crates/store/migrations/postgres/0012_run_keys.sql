-- Which run a request has made: whoever did not hear the answer asks again with the same key, and gets the same run.
CREATE TABLE run_keys (
    -- An administrator's number, or the name of an account.
    owner      TEXT COLLATE "C" NOT NULL,
    -- SHA-256 in hexadecimal digits, as is the request: nothing of what was asked for is kept.
    key        TEXT COLLATE "C" NOT NULL,
    request    TEXT NOT NULL,
    run_id     BIGINT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (owner, key)
);
CREATE INDEX run_keys_by_age ON run_keys (created_at);
