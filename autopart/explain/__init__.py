"""Why a plan is what it is: where tiles and collectives come from, what binds, what each tactic bought."""
