"""Who may talk, how long, how fast, and when the batch steps. Pure logic: times come in as seconds of any clock."""
