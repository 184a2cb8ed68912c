-- How large batches are depends on how many customers a run turns out to have.
-- depends: 0012_dead_letters

GRANT UPDATE (batch_size) ON runs TO planner;
