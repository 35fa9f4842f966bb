// The Vercel AI SDK, by its provider for what is compatible with OpenAI.

import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { tell } from "./ai_sdk.mjs";

const { VENEER_URL: baseURL, VENEER_KEY: apiKey } = process.env;
await tell(createOpenAICompatible({ name: "veneer", baseURL, apiKey, supportsStructuredOutputs: true }));
