curl -X POST "http://localhost:8002/chat/clear" \
  -H "Content-Type: application/json" \
  -d '{"session_id": "your-session-id"}'
