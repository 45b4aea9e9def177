curl -X POST http://localhost:3125/v1/execute \
  -H "Content-Type: application/json" \
  -d '{
    "input": "Hello, how are you?",
    "max_tokens": 1024,
    "temperature": 0.7,
    "top_p": 0.95,
    "top_k": 40
  }'
