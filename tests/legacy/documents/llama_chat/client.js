const axios = require('axios');

class LLMChatClient {
  constructor(baseUrl = 'http://localhost:8002') {
    this.baseUrl = baseUrl;
    this.sessionId = null;
  }

  async chat(message, temperature = 0.7) {
    const payload = {
      message,
      temperature
    };
    if (this.sessionId) {
      payload.session_id = this.sessionId;
    }

    const response = await axios.post(`${this.baseUrl}/chat`, payload);
    this.sessionId = response.data.session_id;
    return response.data.response;
  }

  async clear() {
    if (this.sessionId) {
      await axios.post(`${this.baseUrl}/chat/clear`, {
        session_id: this.sessionId
      });
      this.sessionId = null;
    }
  }
}

// Usage
const client = new LLMChatClient();
client.chat('Hello!').then(response => console.log(response));
