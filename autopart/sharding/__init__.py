"""How a program lies on a mesh: sharding rules, the state's marks, and the one decision of layouts and collectives.

The program becomes flat arrays (``flat_program``); rules say which dimensions are tiled together (``rules``);
kernels spread tiles to a fixed point (``propagate``) and decide which collective stands where (``layout``).
Estimates, the SPMD program and reports all read that decision.
"""
