-- kind: expand
-- The entity Wallet. Its amounts have the scale of those in transactions, so that
-- no balance is rounded that a transaction was not. Texts compare byte by byte:
-- with the server's own rule, the users Ana and ana would be one.
CREATE TABLE wallets (
    id        VARCHAR(36)    NOT NULL,
    userId    VARCHAR(255)   NOT NULL,
    balance   DECIMAL(19, 4) NOT NULL,
    status    VARCHAR(20)    NOT NULL,
    createdAt DATETIME(6)    NOT NULL,
    updatedAt DATETIME(6)    NOT NULL,
    PRIMARY KEY (id),
    KEY idx_wallets_user (userId)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
