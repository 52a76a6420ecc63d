"""`moshi-backend doctor`: is everything there that the service needs, and what to do where it is not."""
