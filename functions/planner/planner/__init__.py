"""The planner: chooses the customers of a run, freezes what it is made with, cuts batches; later closes it."""
