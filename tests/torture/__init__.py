"""Torture: campaigns of random workflows on real stores under planned misfortune, each run named by its seed."""
