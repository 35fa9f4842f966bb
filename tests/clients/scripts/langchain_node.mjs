// LangChain for JavaScript.

import { HumanMessage } from "@langchain/core/messages";
import { ChatOpenAI } from "@langchain/openai";
import { AGAIN, ENDLESS, HELLO, WORDS, askAll, pieces } from "./asking.mjs";

const { VENEER_URL: baseURL, VENEER_KEY: apiKey } = process.env;
const model = (name = WORDS) => new ChatOpenAI({ model: name, apiKey, configuration: { baseURL }, maxRetries: 1 });
const history = [new HumanMessage(HELLO)];

const done = await askAll(baseURL, apiKey, {
  async stream() {
    return pieces(await model().stream(HELLO), (chunk) => chunk.text);
  },
  async plain() {
    history.push(await model().invoke(history));
    return history.at(-1).text;
  },
  async second() {
    return (await model().invoke([...history, new HumanMessage(AGAIN)])).text;
  },
  async leave() {
    for await (const _ of await model(ENDLESS).stream(HELLO)) break;
  },
  fail: (name) => model(name).invoke(HELLO),
});
console.log(JSON.stringify(done));
