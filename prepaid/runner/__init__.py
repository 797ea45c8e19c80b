"""How the site is started: the embedded database, the supervisor, and what both need."""
