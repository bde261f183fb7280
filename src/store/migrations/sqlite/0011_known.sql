-- An account's signing requests in the order in which they were first heard of. Written once for each, at the end of its
-- account's part: no delivery that tells more of one that is known writes here.
CREATE INDEX subjects_by_account ON subjects (account, ref);
