curl http://localhost:3125/health
