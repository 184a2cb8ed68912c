-- The pages name who acts, and let an operator on the same machine choose for whom; the id that events carry stays out.
-- depends: 0029_outcomes

GRANT SELECT (person, duty, active) ON people TO dashboard;
