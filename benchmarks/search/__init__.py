"""How soon a search reaches what experts do, by strategy and seed."""
