"""Quotes of a card return: what each way would give back, with its working; see docs/rules.md."""
