"""The agent on each terminal: reads cards, keeps a journal, posts to the site.

Knows the terminal API (messages.py) and readers; never imports Django or the site.
"""

__version__ = "0.1.0"
