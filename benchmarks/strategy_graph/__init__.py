"""Strategy graphs: one option for each node, the least sum of the costs of nodes and edges.

The classic form in which tools that shard programs export their problem, and a second game for `search`.
"""
