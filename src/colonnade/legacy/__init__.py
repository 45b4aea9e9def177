"""Four older services, whose clients go on working unchanged.

One module a service: wire structs and translation, all on the generation path that ``/v1`` uses.
What their documents say of errors is one table, in ``errors``. What a service needs beyond HTTP is
a module of its own beside it: the job queue, the WebSocket conversation, the load options.
"""
