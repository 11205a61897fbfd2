-- What only PostgreSQL has, after the shared schema: run again whenever this file changed, so every line can be repeated.

DROP TABLE IF EXISTS due;   -- here a hint in each worker's memory (hub/store/postgres/hints.py)

-- A lane's row is its lock and nothing else: it orders those who come in and those who leave.
CREATE TABLE IF NOT EXISTS lane(
  subject text COLLATE "C" NOT NULL,
  dest bigint NOT NULL,
  PRIMARY KEY(subject, dest)
);

-- Counters without hot rows: changes are only appended; `cnt` holds what was rolled up.
CREATE TABLE IF NOT EXISTS cnt_delta(
  dest bigint NOT NULL,
  what text COLLATE "C" NOT NULL,
  n bigint NOT NULL
);
CREATE OR REPLACE VIEW counts AS
  SELECT dest, what, sum(n)::bigint AS n
  FROM (SELECT dest, what, n FROM cnt UNION ALL SELECT dest, what, n FROM cnt_delta) both_of_them GROUP BY dest, what;

-- Rows that are updated in place keep room on their page (HOT); dead rows of the queue go within one naptime.
ALTER TABLE dest SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_cost_delay = 0);
ALTER TABLE dest_run SET (fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_cost_delay = 0);
ALTER TABLE lease SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_cost_delay = 0);
ALTER TABLE cnt SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_cost_delay = 0);
ALTER TABLE cnt_delta SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);
ALTER TABLE lane SET (fillfactor = 90, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);
ALTER TABLE item SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);
ALTER TABLE ready SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);
ALTER TABLE wait SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);
ALTER TABLE stopped SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);
ALTER TABLE transfer SET (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.05);
ALTER TABLE dossier SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);

-- Payloads are encrypted, so trying to compress them is only work.
ALTER TABLE message ALTER raw SET STORAGE EXTERNAL, ALTER canonical SET STORAGE EXTERNAL;
ALTER TABLE sealed ALTER payload SET STORAGE EXTERNAL;
ALTER TABLE attempt ALTER exchanges SET STORAGE EXTERNAL;
