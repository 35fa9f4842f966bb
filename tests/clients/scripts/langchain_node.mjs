// LangChain for JavaScript.

import { HumanMessage, ToolMessage } from "@langchain/core/messages";
import { concat } from "@langchain/core/utils/stream";
import { ChatOpenAI } from "@langchain/openai";
import { AGAIN, ENDLESS, HELLO, HELPER, WEATHER, WORDS, askAll, pieces } from "./asking.mjs";

const { VENEER_URL: baseURL, VENEER_KEY: apiKey } = process.env;
const model = (name = WORDS) => new ChatOpenAI({ model: name, apiKey, configuration: { baseURL }, maxRetries: 1 });
const history = [new HumanMessage(HELLO)];

const object = (title, properties) => ({
  title,
  type: "object",
  properties,
  required: Object.keys(properties),
  additionalProperties: false,
});
const question = new HumanMessage(WEATHER);
const helper = model(HELPER).bindTools([
  { type: "function", function: { name: "get_weather", parameters: object("weather", { city: { type: "string" } }) } },
]);

async function told(message) {
  const [{ id, args }] = message.tool_calls;
  const found = new ToolMessage({ tool_call_id: id, content: `sunny in ${args.city}` });
  return (await helper.invoke([question, message, found])).text;
}

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
  async tool() {
    return told(await helper.invoke([question]));
  },
  async tool_stream() {
    return told((await pieces(await helper.stream([question]), (chunk) => chunk)).reduce(concat));
  },
  async schema() {
    const schema = object("person", { name: { type: "string" }, age: { type: "integer" } });
    return model(HELPER).withStructuredOutput(schema, { method: "jsonSchema" }).invoke(HELLO);
  },
  async leave() {
    for await (const _ of await model(ENDLESS).stream(HELLO)) break;
  },
  fail: (name) => model(name).invoke(HELLO),
});
console.log(JSON.stringify(done));
