import requests
import json

tools = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "Get weather for a location",
            "parameters": {
                "type": "object",
                "properties": {
                    "location": {"type": "string"}
                },
                "required": ["location"]
            }
        }
    }
]

response = requests.post("http://localhost:8001/chat", json={
    "messages": [
        {"role": "user", "content": "What's the weather in Paris?"}
    ],
    "tools": tools
})

result = response.json()
print(f"Response: {result['choices'][0]['message']['content']}")
print(f"Tool calls: {result['tool_calls']}")
