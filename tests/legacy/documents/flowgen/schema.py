import requests
from pydantic import BaseModel

class TeamInfo(BaseModel):
    team_name: str
    score: int
    city: str

response = requests.post("http://localhost:8001/chat", json={
    "messages": [
        {"role": "user", "content": "Tell me about a basketball team"}
    ],
    "response_format": {
        "type": "json_object",
        "schema": TeamInfo.model_json_schema()
    }
})

result = response.json()
content = result["choices"][0]["message"]["content"]
team_data = TeamInfo(**json.loads(content))
print(team_data)
