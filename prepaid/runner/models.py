"""No tables: `post_migrate`, which gives the application its rights, only reaches apps with this module."""
