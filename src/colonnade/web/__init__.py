"""What every door of the server process shares about HTTP: bodies, disconnects, SSE, failures.

Knows no wire format of any service.
"""
