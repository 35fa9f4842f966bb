// What both providers of the Vercel AI SDK do.

import { generateObject, generateText, jsonSchema, stepCountIs, streamText, tool } from "ai";
import { AGAIN, ENDLESS, HELLO, HELPER, WEATHER, WORDS, askAll, pieces } from "./asking.mjs";

export async function tell(model, others = {}) {
  const history = [{ role: "user", content: HELLO }];
  const options = { maxRetries: 1 };
  const object = (properties) =>
    jsonSchema({ type: "object", properties, required: Object.keys(properties), additionalProperties: false });
  const get_weather = tool({
    inputSchema: object({ city: { type: "string" } }),
    execute: ({ city }) => `sunny in ${city}`,
  });
  const asking = { model: model(HELPER), prompt: WEATHER, tools: { get_weather }, stopWhen: stepCountIs(2), ...options };

  const done = await askAll(process.env.VENEER_URL, process.env.VENEER_KEY, {
    async stream() {
      return pieces(streamText({ model: model(WORDS), prompt: HELLO, ...options }).textStream, (piece) => piece);
    },
    async plain() {
      const answer = await generateText({ model: model(WORDS), messages: history, ...options });
      history.push(...answer.response.messages);
      return answer.text;
    },
    async second() {
      history.push({ role: "user", content: AGAIN });
      return (await generateText({ model: model(WORDS), messages: history, ...options })).text;
    },
    async tool() {
      return (await generateText(asking)).text;
    },
    async tool_stream() {
      return streamText(asking).text;
    },
    async schema() {
      const schema = object({ name: { type: "string" }, age: { type: "integer" } });
      return (await generateObject({ model: model(HELPER), prompt: HELLO, schema, ...options })).object;
    },
    async leave() {
      const leaving = new AbortController();
      const { textStream } = streamText({ model: model(ENDLESS), prompt: HELLO, abortSignal: leaving.signal });
      for await (const _ of textStream) leaving.abort();
    },
    async fail(name) {
      return (await generateText({ model: model(name), prompt: HELLO, ...options })).text;
    },
    ...others,
  });
  console.log(JSON.stringify(done));
}
