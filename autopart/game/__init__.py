"""The partitioning game that ``search`` plays: actions, states by hash, metrics, priors.

``pruning`` makes it smaller without losing plans; ``ilp`` writes it as tables of costs for integer programming.
"""
