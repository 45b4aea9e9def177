curl -X POST http://localhost:8001/chat \
  -H "Content-Type: application/json" \
  -d '{
    "messages": [
      {"role": "user", "content": "Calculate 15 + 25"}
    ],
    "tools": [
      {
        "type": "function",
        "function": {
          "name": "calculate_sum",
          "description": "Calculates the sum of two integers",
          "parameters": {
            "type": "object",
            "properties": {
              "a": {"type": "integer"},
              "b": {"type": "integer"}
            },
            "required": ["a", "b"]
          }
        }
      }
    ]
  }'
