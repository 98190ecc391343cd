"""The program as tables of costs, a choice an op, for integer programming."""
