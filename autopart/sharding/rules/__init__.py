"""Sharding rules: how each primitive ties operand and result dimensions."""
