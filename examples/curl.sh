#!/bin/sh
# The same by hand: which models there are, an answer, and an answer as a stream of events.
set -eu

base_url="${OPENAI_BASE_URL:-http://127.0.0.1:8000/v1}"
model="${OPENAI_MODEL:-colonnade-demo}"

curl --fail-with-body --silent --show-error "$base_url/models"
echo

curl --fail-with-body --silent --show-error "$base_url/chat/completions" \
  -H 'Content-Type: application/json' \
  -d '{
    "model": "'"$model"'",
    "messages": [{"role": "user", "content": "What is the capital of Spain?"}],
    "max_completion_tokens": 32
  }'
echo

# --no-buffer shows each event as it comes.
curl --fail-with-body --silent --show-error --no-buffer "$base_url/chat/completions" \
  -H 'Content-Type: application/json' \
  -d '{
    "model": "'"$model"'",
    "messages": [{"role": "user", "content": "Count to three."}],
    "max_completion_tokens": 32,
    "stream": true
  }'
