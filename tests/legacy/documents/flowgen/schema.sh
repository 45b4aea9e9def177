curl -X POST http://localhost:8001/chat \
  -H "Content-Type: application/json" \
  -d '{
    "messages": [
      {"role": "user", "content": "Tell me about a basketball team"}
    ],
    "response_format": {
      "type": "json_object",
      "schema": {
        "type": "object",
        "properties": {
          "team_name": {"type": "string"},
          "score": {"type": "integer"},
          "city": {"type": "string"}
        },
        "required": ["team_name", "score", "city"]
      }
    }
  }'
