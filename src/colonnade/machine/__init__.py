"""What this machine has, and what its limits leave to a process. Standard library alone."""
