"""How a plan is asked for and found: ``partition``, searches after one another or over mesh shapes, why none fits."""
