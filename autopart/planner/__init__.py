"""How a plan is asked for and found: ``partition``, searches one after another or over mesh shapes, and why none fits."""
