"""One thread that owns the model: it schedules steps, runs them, and hands the results to sessions."""
