"""A chain of shops in compressed time, through the real API and the agents' own code."""
