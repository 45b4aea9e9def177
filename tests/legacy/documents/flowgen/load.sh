curl -X POST http://localhost:8001/load \
  -H "Content-Type: application/json" \
  -d '{
    "model_path": "/path/to/your/model.gguf",
    "tokenizer_name": "LiquidAI/LFM2-350M"
  }'
