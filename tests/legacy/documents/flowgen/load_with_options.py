import requests

response = requests.post("http://localhost:8001/load", json={
    "model_path": "/path/to/model.gguf",
    "tokenizer_name": "LiquidAI/LFM2-350M",
    "options": {
        "n_ctx": 4096,
        "temperature": 0.7
    }
})
print(response.json())
