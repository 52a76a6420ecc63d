"""One thread that owns the model: it schedules steps, runs them, and passes the results to their requests."""
