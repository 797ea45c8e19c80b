"""Orders of many cards, and cards that come from another system."""
