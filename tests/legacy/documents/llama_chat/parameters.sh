curl -X POST "http://localhost:8002/chat" \
  -H "Content-Type: application/json" \
  -d '{
    "message": "Write a haiku about AI",
    "temperature": 0.9,
    "max_tokens": 100
  }'
