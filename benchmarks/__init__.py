"""What the partitioner is measured on: models, expert schedules, scripts of published figures."""
