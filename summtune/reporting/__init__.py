"""Makes readable things of a run's events: result files, leaderboard, page. Reads files only, and knows neither Ray nor torch."""
