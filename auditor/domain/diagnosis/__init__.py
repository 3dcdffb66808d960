"""Why: rules that turn one run's view, and what history knows, into findings. Each module asks one kind of question."""
