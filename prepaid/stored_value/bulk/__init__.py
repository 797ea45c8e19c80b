"""Many cards at once: orders that are made and loaded, imports that are checked, run and undone."""
