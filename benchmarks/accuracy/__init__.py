"""How far the estimates can be believed: predictions beside what compilers and clocks say of the same programs."""
