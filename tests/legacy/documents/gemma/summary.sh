# Health check
curl http://localhost:3125/health

# Execute inference
curl -X POST http://localhost:3125/v1/execute \
  -H "Content-Type: application/json" \
  -d '{"input": "Hello!"}'
