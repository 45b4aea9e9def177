"""An agent with LangChain: it may call a tool, and answers with an object."""

import os
from typing import Annotated

from langchain.agents import create_agent
from langchain.agents.middleware import ToolCallLimitMiddleware
from langchain.agents.structured_output import ProviderStrategy
from langchain.tools import tool
from langchain_openai import ChatOpenAI
from pydantic import BaseModel, Field, SecretStr

STOCK = {"apple": 12, "pear": 0, "plum": 7}


@tool
def stock(fruit: Annotated[str, Field(max_length=20)]) -> int:
    """Look up how many pieces of a fruit are in stock."""
    return STOCK.get(fruit.lower().removesuffix("s"), 0)


class Offer(BaseModel):
    """What the shop can offer."""

    fruit: str = Field(max_length=20)
    pieces: int = Field(ge=0, le=1000)


agent = create_agent(
    ChatOpenAI(
        base_url=os.environ.get("OPENAI_BASE_URL", "http://127.0.0.1:8000/v1"),
        api_key=SecretStr(os.environ.get("OPENAI_API_KEY", "none")),
        model=os.environ.get("OPENAI_MODEL", "colonnade-demo"),
        max_completion_tokens=256,
    ),
    tools=[stock],
    system_prompt="You sell fruit. Look up what is in stock before you make an offer.",
    response_format=ProviderStrategy(Offer),
    middleware=[ToolCallLimitMiddleware(run_limit=3, exit_behavior="end")],
)
result = agent.invoke({"messages": [{"role": "user", "content": "How many plums can I have?"}]})

for message in result["messages"]:
    print(f"{message.type}: {message.text or message.tool_calls}")
if offer := result.get("structured_response"):
    print(f"{offer.pieces} of {offer.fruit}")
else:
    print("It did nothing but look up.")
