"""Collectives of every model under every expert schedule: counted, compiled, and some of them derived."""
