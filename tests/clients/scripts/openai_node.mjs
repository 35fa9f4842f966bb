// The official client for JavaScript, in Node.js.

import { askAll } from "./asking.mjs";
import { steps } from "./openai_steps.mjs";

const { VENEER_URL: url, VENEER_KEY: key } = process.env;
console.log(JSON.stringify(await askAll(url, key, steps(url, key))));
