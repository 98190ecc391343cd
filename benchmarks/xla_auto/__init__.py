"""XLA's auto-sharding and autopart's search side by side, both judged by XLA's TPU compiler."""
