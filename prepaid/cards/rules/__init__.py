"""Rule sets: what the law of a place asks of a program, as dated rows; see docs/rules.md."""
