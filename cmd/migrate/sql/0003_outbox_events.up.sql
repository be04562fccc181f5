-- kind: expand
-- The entity OutboxEvent. The publisher asks every few seconds for the oldest
-- events that were not published, which the first key answers without a sort.
CREATE TABLE outbox_events (
    id             VARCHAR(36)  NOT NULL,
    aggregate_type VARCHAR(100) NOT NULL,
    aggregate_id   VARCHAR(36)  NOT NULL,
    event_type     VARCHAR(100) NOT NULL,
    event_data     TEXT         NOT NULL,
    created_at     DATETIME(6)  NOT NULL,
    processed_at   DATETIME(6)  NULL,
    version        INT          NULL,
    PRIMARY KEY (id),
    KEY idx_outbox_unprocessed (processed_at, created_at),
    KEY idx_outbox_aggregate (aggregate_id, created_at)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
