import asyncio
import websockets
import json

async def test_websocket():
    async with websockets.connect("ws://localhost:3125/ws") as ws:
        # Send request
        request = {
            "input": "Tell me a story",
            "max_tokens": 500
        }
        await ws.send(json.dumps(request))

        # Receive streaming events
        async for message in ws:
            event = json.loads(message.strip())
            print(f"Event: {event['type']}")

            if event['type'] == 'result':
                print(f"Result: {event['content']}")
                break

asyncio.run(test_websocket())
