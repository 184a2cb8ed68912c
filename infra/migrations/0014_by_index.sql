-- The agents look rows up by key, one at a time, also in triggers and foreign keys, whose plans a connection keeps. Made
-- when a table was known to be small, such a plan is as bad as it likes: it reads a table whole, or all of a run where
-- one customer is asked for, and does so for every row of the large run that comes next.
-- depends: 0013_batch_size

ALTER ROLE nlp_agent SET enable_seqscan = off;
ALTER ROLE prediction_agent SET enable_seqscan = off;
ALTER ROLE action_agent SET enable_seqscan = off;

-- By run first, it looked as good as the primary key to who asks for a run's customer.
DROP INDEX run_customers_by_batch;
CREATE INDEX run_customers_by_batch ON run_customers (batch_no, run_id);
