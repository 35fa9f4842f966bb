// The official client for JavaScript, in Node.js and in a browser.

import OpenAI from "openai";
import { AGAIN, ENDLESS, HELLO, HELPER, WEATHER, WORDS, pieces } from "./asking.mjs";

export function steps(baseURL, apiKey) {
  const client = new OpenAI({ baseURL, apiKey, maxRetries: 1, dangerouslyAllowBrowser: true });
  const ask = (options) => client.chat.completions.create({ model: WORDS, messages: history, ...options });
  const history = [{ role: "user", content: HELLO }];
  const object = (properties) => ({
    type: "object",
    properties,
    required: Object.keys(properties),
    additionalProperties: false,
  });
  const tools = [
    { type: "function", function: { name: "get_weather", parameters: object({ city: { type: "string" } }), strict: true } },
  ];
  const told = async (question, message) => {
    const [call] = message.tool_calls;
    const content = `sunny in ${JSON.parse(call.function.arguments).city}`;
    const messages = [question, message, { role: "tool", tool_call_id: call.id, content }];
    return (await ask({ model: HELPER, messages, tools })).choices[0].message.content;
  };
  const question = { role: "user", content: WEATHER };

  return {
    async stream() {
      return pieces(await ask({ stream: true }), (chunk) => chunk.choices[0].delta.content ?? "");
    },
    async plain() {
      history.push((await ask()).choices[0].message);
      return history.at(-1).content;
    },
    async second() {
      history.push({ role: "user", content: AGAIN });
      return (await ask()).choices[0].message.content;
    },
    async tool() {
      return told(question, (await ask({ model: HELPER, messages: [question], tools })).choices[0].message);
    },
    async tool_stream() {
      const stream = client.chat.completions.stream({ model: HELPER, messages: [question], tools });
      return told(question, await stream.finalMessage());
    },
    async schema() {
      const schema = object({ name: { type: "string" }, age: { type: "integer" } });
      const answer = await client.chat.completions.parse({
        model: HELPER,
        messages: history.slice(0, 1),
        response_format: { type: "json_schema", json_schema: { name: "person", schema, strict: true } },
      });
      return answer.choices[0].message.parsed;
    },
    async leave() {
      for await (const _ of await ask({ model: ENDLESS, stream: true })) break;
    },
    fail: (model) => ask({ model }),
  };
}
