"""Shardy's sharding rules, read from stock jaxlib, beside ours."""
