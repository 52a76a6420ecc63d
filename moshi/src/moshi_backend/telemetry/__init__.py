"""What an operator gets to see: logs (`logs`), metrics (`metrics`), traces, and how they leave (`export`)."""
