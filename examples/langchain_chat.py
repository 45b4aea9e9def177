"""A chain of prompt, model and parser with LangChain: called once, then streamed."""

import os

from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

model = ChatOpenAI(
    base_url=os.environ.get("OPENAI_BASE_URL", "http://127.0.0.1:8000/v1"),
    api_key=SecretStr(os.environ.get("OPENAI_API_KEY", "none")),
    model=os.environ.get("OPENAI_MODEL", "colonnade-demo"),
    max_completion_tokens=64,
)
prompt = ChatPromptTemplate.from_messages(
    [("system", "You are a {trade}."), ("user", "Say hello to {name}.")]
)
chain = prompt | model | StrOutputParser()

print(chain.invoke({"trade": "sailor", "name": "Ada"}))

for piece in chain.stream({"trade": "gardener", "name": "Grace"}):
    print(piece, end="", flush=True)
print()
