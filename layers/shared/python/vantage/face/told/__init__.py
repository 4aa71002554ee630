"""What is told as JSON, by the API and by the commands' `--json` alike."""
