import requests

# Load model first
requests.post("http://localhost:8001/load", json={
    "model_path": "/path/to/model.gguf",
    "tokenizer_name": "LiquidAI/LFM2-350M"
})

# Chat
response = requests.post("http://localhost:8001/chat", json={
    "messages": [
        {"role": "user", "content": "Hello!"}
    ]
})

result = response.json()
print(result["choices"][0]["message"]["content"])
