"""Running what is declared: data, runs, tracking, figures, the command line."""
