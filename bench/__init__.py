"""The measurements: what a design costs, side by side on this machine in one run. Only ratios mean anything."""
