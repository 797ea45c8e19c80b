"""The measurements: what a design costs, side by side in one run. Only the ratios mean anything."""
