// The official client for JavaScript, in Node.js and in a browser.

import OpenAI from "openai";
import { AGAIN, ENDLESS, HELLO, WORDS, pieces } from "./asking.mjs";

export function steps(baseURL, apiKey) {
  const client = new OpenAI({ baseURL, apiKey, maxRetries: 1, dangerouslyAllowBrowser: true });
  const ask = (options) => client.chat.completions.create({ model: WORDS, messages: history, ...options });
  const history = [{ role: "user", content: HELLO }];

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
    async leave() {
      for await (const _ of await ask({ model: ENDLESS, stream: true })) break;
    },
    fail: (model) => ask({ model }),
  };
}
