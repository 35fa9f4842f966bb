// What both providers of the Vercel AI SDK do.

import { generateText, streamText } from "ai";
import { AGAIN, ENDLESS, HELLO, WORDS, askAll, pieces } from "./asking.mjs";

export async function tell(model, others = {}) {
  const history = [{ role: "user", content: HELLO }];
  const options = { maxRetries: 1 };

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
