"""What of JSON Schema is held to: the official suite, and schemas of the real world."""
