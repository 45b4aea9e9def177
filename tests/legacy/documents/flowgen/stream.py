import requests
import json

response = requests.post("http://localhost:8001/chat", json={
    "messages": [
        {"role": "user", "content": "Count from 1 to 10"}
    ],
    "options": {
        "stream": True,
        "max_tokens": 100
    }
}, stream=True)

print("Streaming response: ", end="")
for line in response.iter_lines():
    if line:
        line_str = line.decode("utf-8")
        if line_str.startswith("data:"):
            data = line_str[5:].strip()
            if data == "[DONE]":
                break
            
            try:
                chunk_data = json.loads(data)
                if 'content' in chunk_data:
                    print(chunk_data['content'], end="", flush=True)
                elif 'completion' in chunk_data:
                    completion = chunk_data['completion']
                    tool_calls = completion.get('tool_calls', [])
                    if tool_calls:
                        print(f"\nTool calls: {tool_calls}")
            except:
                pass
print()
