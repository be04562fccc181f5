-- kind: expand
-- The entity Transaction. A reference is unique, so that a request that is sent
-- twice moves money once. type and status are texts: another constant in the code
-- is then no change of the schema.
CREATE TABLE transaction (
    id                  VARCHAR(36)    NOT NULL,
    walletId            VARCHAR(36)    NOT NULL,
    type                VARCHAR(20)    NOT NULL,
    amount              DECIMAL(19, 4) NOT NULL,
    referenceId         VARCHAR(255)   NOT NULL,
    description         VARCHAR(1000)  NULL,
    status              VARCHAR(20)    NOT NULL,
    destinationWalletId VARCHAR(36)    NULL,
    createdAt           DATETIME(6)    NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY idx_reference_id (referenceId),
    KEY idx_wallet_id (walletId, createdAt)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
