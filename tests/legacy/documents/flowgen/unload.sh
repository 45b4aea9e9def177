curl -X POST http://localhost:8001/unload
