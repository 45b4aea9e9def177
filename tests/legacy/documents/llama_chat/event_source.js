const eventSource = new EventSource('http://localhost:8002/chat/stream', {
  method: 'POST',
  body: JSON.stringify({ message: 'Hello!' }),
  headers: { 'Content-Type': 'application/json' }
});

eventSource.onmessage = (event) => {
  const data = JSON.parse(event.data);
  if (data.token) {
    console.log(data.token);
  }
};
