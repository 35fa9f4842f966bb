// The Vercel AI SDK, by its provider for OpenAI.

import { createOpenAI } from "@ai-sdk/openai";
import { generateText } from "ai";
import { tell } from "./ai_sdk.mjs";
import { HELLO, WORDS } from "./asking.mjs";

const provider = createOpenAI({ baseURL: process.env.VENEER_URL, apiKey: process.env.VENEER_KEY });
await tell((name) => provider.chat(name), {
  // The Responses API, where none is named.
  async by_default() {
    try {
      return (await generateText({ model: provider(WORDS), prompt: HELLO })).text;
    } catch (error) {
      return error.message.startsWith("Unknown request URL") ? "refused" : error.message;
    }
  },
});
