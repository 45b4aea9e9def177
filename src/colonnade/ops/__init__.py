"""What operators ask of a running server. Knows nothing of prompts or generation."""
