"""Analyses that make the game smaller: equal and idle actions, named dimensions, sound lower bounds."""
