"""How far more workers carry a search: measured on a real cluster of Ray, and simulated up to 1,000 workers."""
